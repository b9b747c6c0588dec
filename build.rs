//! Generates the JSON face of the operations from `wit/`.

fn main() {
    println!("cargo::rerun-if-changed=wit");
    let paths = codegen::Paths {
        bindings: "crate::bindings".into(),
        contract: "crate::contract".into(),
        actions: "crate::actions".into(),
        client: "crate::api::Client".into(),
    };
    let written = codegen::generate("wit".as_ref(), "typed", &paths).and_then(|generated| {
        let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
        Ok(generated.write(&out)?)
    });
    if let Err(error) = written {
        println!("cargo::error={error:#}");
    }
}
