//! Writes into a component what it is: name, version, licence and so on, in the custom sections that `wasm-tools metadata`
//! and registries read.

use anyhow::{Context, Result};
use wasm_encoder::{ComponentSection, CustomSection};
use wasm_metadata::{AddMetadata, AddMetadataField};
use wasmparser::BinaryReader;

/// What the manifest says of the guest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    name: String,
    /// Section name and text, the names as the OCI annotations have them.
    annotations: Vec<(&'static str, String)>,
}

impl Package {
    /// Reads the root manifest. It needs name, version, licence and description; authors, repository and homepage are
    /// written if they are there.
    pub(crate) fn from_manifest(manifest: &str) -> Result<Self> {
        let mut annotations = Vec::new();
        for (section, key, needed) in [
            ("version", "version", true),
            ("licenses", "license", true),
            ("description", "description", true),
            ("authors", "authors", false),
            ("source", "repository", false),
            ("homepage", "homepage", false),
        ] {
            match value(manifest, key) {
                Some(text) => annotations.push((section, text)),
                None if needed => anyhow::bail!("Cargo.toml has no {key}"),
                None => {}
            }
        }
        let name = value(manifest, "name").context("Cargo.toml has no name")?;
        Ok(Self { name, annotations })
    }

    /// The component with the sections added, among them the compiler's version, whose own note went with the stripping.
    /// What the linker noted of itself stays, but for the names that it gave to types and functions for debuggers.
    pub(crate) fn stamp(&self, component: &[u8], rustc: &str) -> Result<Vec<u8>> {
        let mut add = AddMetadata::default();
        add.name = AddMetadataField::Set(self.name.clone());
        add.language = vec![("Rust".to_owned(), String::new())];
        add.processed_by = vec![("rustc".to_owned(), rustc.to_owned())];
        let mut stamped = without_names(component)
            .and_then(|component| add.to_wasm(&component))
            .context("cannot read what the linker made")?;
        for (name, text) in &self.annotations {
            CustomSection {
                name: (*name).into(),
                data: text.as_bytes().into(),
            }
            .append_to_component(&mut stamped);
        }
        Ok(stamped)
    }
}

/// The component without the names of what is in it. The compiler strips those of the module; the linker then writes those of the
/// component around it.
fn without_names(component: &[u8]) -> Result<Vec<u8>> {
    const HEADER: usize = 8;
    const CUSTOM: u8 = 0;
    let mut reader = BinaryReader::new(component, 0);
    let mut kept = reader.read_bytes(HEADER)?.to_vec();
    while !reader.eof() {
        let section = component.get(component.len() - reader.bytes_remaining()..);
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let body = reader.read_bytes(size as usize)?;
        if id == CUSTOM && BinaryReader::new(body, 0).read_string()? == "component-name" {
            continue;
        }
        let section = section.unwrap_or_default();
        kept.extend(&section[..section.len() - reader.bytes_remaining()]);
    }
    Ok(kept)
}

/// The text of `key` in `[package]`, or in `[workspace.package]` where the package takes it from there. Reads the plain
/// form of this repository's manifest, one key a line with a quoted text or a list of them, not all of TOML.
fn value(manifest: &str, key: &str) -> Option<String> {
    let find = |section: &str| {
        let after = manifest.split_once(&format!("\n{section}\n"))?.1;
        after
            .lines()
            .take_while(|line| !line.starts_with('['))
            .find_map(|line| {
                let (name, text) = line.split_once('=')?;
                (name.trim() == key).then(|| {
                    text.split('"')
                        .skip(1)
                        .step_by(2)
                        .collect::<Vec<_>>()
                        .join(", ")
                })
            })
    };
    find("[package]").or_else(|| find("[workspace.package]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[workspace.package]
version = "1.2.3"
license = "MIT OR Apache-2.0"
authors = ["A <a@example.com>", "B"]

[package]
name = "thing"
description = "A thing"
version.workspace = true

[dependencies]
homepage = "1"
"#;

    fn annotation<'a>(package: &'a Package, section: &str) -> Option<&'a str> {
        package
            .annotations
            .iter()
            .find(|(name, _)| *name == section)
            .map(|(_, text)| text.as_str())
    }

    #[test]
    fn a_key_of_the_package_is_read() {
        let package = Package::from_manifest(MANIFEST).unwrap();
        assert_eq!(package.name, "thing");
        assert_eq!(annotation(&package, "description"), Some("A thing"));
    }

    #[test]
    fn a_key_that_the_workspace_keeps_is_read_there() {
        assert_eq!(
            annotation(&Package::from_manifest(MANIFEST).unwrap(), "version"),
            Some("1.2.3")
        );
    }

    #[test]
    fn several_authors_are_one_text() {
        assert_eq!(
            annotation(&Package::from_manifest(MANIFEST).unwrap(), "authors"),
            Some("A <a@example.com>, B")
        );
    }

    #[test]
    fn a_dependency_is_not_taken_for_a_key() {
        assert_eq!(
            annotation(&Package::from_manifest(MANIFEST).unwrap(), "homepage"),
            None
        );
    }

    #[test]
    fn a_manifest_without_licence_is_refused() {
        let refusal = Package::from_manifest(&MANIFEST.replace("license", "licence")).unwrap_err();
        assert!(refusal.to_string().contains("license"), "{refusal}");
    }

    /// A custom section's length-prefixed name and its content, as they stand in the file.
    fn section(name: &str, content: &str) -> Vec<u8> {
        let length = u8::try_from(name.len()).unwrap();
        [&[length], name.as_bytes(), content.as_bytes()].concat()
    }

    fn stamped() -> Vec<u8> {
        Package::from_manifest(MANIFEST)
            .unwrap()
            .stamp(b"\0asm\x0d\0\x01\0", "1.96.0")
            .unwrap()
    }

    #[test]
    fn a_stamped_component_has_a_section_for_each_annotation() {
        for section in [
            section("version", "1.2.3"),
            section("licenses", "MIT OR Apache-2.0"),
            section("description", "A thing"),
        ] {
            assert!(
                stamped()
                    .windows(section.len())
                    .any(|window| window == section)
            );
        }
    }

    #[test]
    fn a_stamped_component_tells_its_name() {
        // Subsection 0 of `component-name`: 6 bytes, of which 5 are the name.
        let name = section("component-name", "\0\x06\x05thing");
        assert!(stamped().windows(name.len()).any(|window| window == name));
    }

    #[test]
    fn the_linkers_names_go_and_other_sections_stay() {
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        for (name, data) in [("component-name", &b"\x01\x03abc"[..]), ("other", b"stays")] {
            CustomSection {
                name: name.into(),
                data: data.into(),
            }
            .append_to_component(&mut component);
        }
        let without = without_names(&component).unwrap();
        let has = |text: &[u8]| without.windows(text.len()).any(|window| window == text);
        assert!(has(b"stays") && !has(b"abc"));
        assert!(without_names(&component[..component.len() - 1]).is_err());
    }

    #[test]
    fn a_stamped_component_tells_its_language() {
        let producers = wasm_metadata::Producers::from_wasm(&stamped())
            .unwrap()
            .unwrap();
        assert!(
            producers
                .get("language")
                .is_some_and(|languages| languages.get("Rust").is_some())
        );
    }

    #[test]
    fn stamping_twice_gives_the_same_bytes() {
        assert_eq!(stamped(), stamped());
    }
}
