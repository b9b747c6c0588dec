//! Reads the exported interfaces of other packages. Their functions are no operations: they are exported as they are declared.

use crate::refusal::Refusal;
use crate::wit::{Core, Named, Reader, Shape, component_type};
use std::path::Path;
use wit_parser::{Resolve, WorldItem};

/// The interfaces of other packages that a world exports, read.
#[derive(Clone, Debug)]
pub struct Neutral {
    pub(crate) functions: Vec<Function>,
    /// Types that functions use, each after those that it uses. Those of interfaces without functions are among them.
    pub(crate) types: Vec<Named>,
    /// What a linker needs to make a component of the world's exports.
    pub(crate) component_type: Vec<u8>,
}

/// A function of such an interface.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) interface: String,
    /// Where `wit-bindgen` puts the interface.
    pub(crate) module: String,
    pub(crate) name: String,
    /// WIT name and type of each parameter.
    pub(crate) params: Vec<(String, Shape)>,
    pub(crate) output: Option<Shape>,
    pub(crate) core: Core,
}

impl Neutral {
    /// Reads the WIT package in a folder (with its dependencies under `deps/`).
    ///
    /// # Errors
    /// WIT that does not parse, a type without a natural JSON, and a function that does not return `result<T, error>`.
    pub fn read(folder: &Path, world: &str) -> anyhow::Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder)?;
        let world = resolve.select_world(&[package], Some(world))?;
        let mut reader = Reader::new(&resolve, package);
        let mut functions = Vec::new();
        for item in resolve.worlds[world].exports.values() {
            let WorldItem::Interface { id, .. } = item else {
                continue;
            };
            let interface = &resolve.interfaces[*id];
            if !reader.apart(interface) {
                continue;
            }
            let name = interface.name.as_deref().unwrap_or_default();
            for function in interface.functions.values() {
                let item = format!("{name}.{}", function.name);
                let params = function.params.iter().map(|param| {
                    let shape = reader.shape(param.ty, &item)?;
                    Ok((param.name.clone(), shape))
                });
                functions.push(Function {
                    params: params.collect::<Result<_, Refusal>>()?,
                    output: reader.output(function, &item)?,
                    core: reader.core_export(interface, function),
                    module: reader.module(interface),
                    interface: name.to_owned(),
                    name: function.name.clone(),
                });
            }
        }
        Ok(Self {
            functions,
            types: reader.types,
            component_type: component_type(&resolve, world)?,
        })
    }
}
