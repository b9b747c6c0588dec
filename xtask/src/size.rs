//! Measures the components: their sizes, and what each interface costs.
//!
//! The cost of an interface comes from one build, by asking what the code would lose without it. The full component is
//! linked with the names of its functions; its direct calls form a graph, whose roots are the exports and whatever stands
//! in a table (reached by indirect calls, so it always counts as needed).
//!
//! - `typed`: the bytes of functions that nothing reaches any more once the interface's exports are gone. That is what its
//!   typed face costs; its operations can still be called by id.
//! - `whole`: the same once the functions of the modules that bear its name are gone too, wherever in the guest these are.
//!   That is what its operations cost together with the typed face.
//!
//! Both are lower bounds: what the compiler inlined into shared code, what two interfaces share, and static data count for
//! nobody.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result};
use wasmparser::{
    ElementItems, ExternalKind, KnownCustom, Name, Operator, Parser, Payload, TypeRef,
};

use crate::{
    guest::{self, Components, grouped},
    step,
};

/// Sizes to stay under, in bytes: raw and compressed.
const FULL_LIMITS: (usize, Option<usize>) = (1_600_000, Some(250_000));
const SLIM_LIMITS: (usize, Option<usize>) = (600_000, None);

/// The table that `cargo xtask size` prints.
pub(crate) fn report(root: &Path, components: &Components) -> Result<String> {
    let mut text = String::from(
        "component                            bytes     at most     gzip -9     at most\n",
    );
    for (file, (limit, limit_compressed)) in [
        (&components.full, FULL_LIMITS),
        (&components.slim, SLIM_LIMITS),
    ] {
        let size = fs::metadata(file)?.len().try_into()?;
        let compressed = step::output_bytes(Command::new("gzip").args(["-9", "-c"]).arg(file))
            .map(|bytes| bytes.len());
        writeln!(
            text,
            "{:<30} {:>11} {:>11} {:>11} {:>11}{}",
            guest::shown(root, file),
            grouped(size),
            grouped(limit),
            compressed
                .as_ref()
                .map_or_else(|_| "no gzip here".to_owned(), |size| grouped(*size)),
            limit_compressed.map(grouped).unwrap_or_default(),
            if size > limit
                || limit_compressed
                    .zip(compressed.ok())
                    .is_some_and(|(limit, size)| size > limit)
            {
                "  over"
            } else {
                ""
            },
        )?;
    }
    let named = guest::build_with_names(root)?;
    let module = main_module(&named)?;
    text.push('\n');
    text.push_str(&Module::read(module)?.costs().table()?);
    let total = usize::try_from(fs::metadata(&components.full)?.len())?;
    let around = total.saturating_sub(stripped_size(module)?);
    writeln!(
        text,
        "{:<50} {:>23}",
        "component types and wiring around the module",
        grouped(around)
    )?;
    text.push_str(
        "\ntyped: code that only the interface's exports lead to. whole: with the functions in modules of its name, so with\n\
         its operations. Both leave out what is inlined, shared by two interfaces, or data.\n",
    );
    Ok(text)
}

/// The largest core module in a component: the guest. The others are the linker's adapters.
fn main_module(component: &[u8]) -> Result<&[u8]> {
    let mut largest: &[u8] = &[];
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::ModuleSection {
            unchecked_range, ..
        } = payload?
        {
            let range =
                usize::try_from(unchecked_range.start)?..usize::try_from(unchecked_range.end)?;
            let module = component
                .get(range)
                .context("a module reaches beyond the component")?;
            if module.len() > largest.len() {
                largest = module;
            }
        }
    }
    anyhow::ensure!(!largest.is_empty(), "the component has no core module");
    Ok(largest)
}

/// A module's size without custom sections.
fn stripped_size(module: &[u8]) -> Result<usize> {
    let mut size = module.len();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload? {
            size -= usize::try_from(section.range().end - section.range().start)?;
        }
    }
    Ok(size)
}

/// One function of the module.
#[derive(Debug, Default)]
struct Function {
    /// Mangled. Empty for imports and where the linker knew none.
    name: String,
    /// Of its body. 0 for imports.
    size: usize,
    /// Called or referred to.
    callees: Vec<usize>,
}

/// What is read of a core module.
#[derive(Debug, Default)]
struct Module {
    functions: Vec<Function>,
    /// By exported name.
    exports: Vec<(String, usize)>,
    /// Needed without being exported: in a table, or run at the start.
    needed: Vec<usize>,
    data: usize,
}

impl Module {
    fn read(module: &[u8]) -> Result<Self> {
        let mut read = Self::default();
        let mut names = HashMap::new();
        let mut defined = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        if matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                            read.functions.push(Function::default());
                        }
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            read.exports
                                .push((export.name.to_owned(), usize::try_from(export.index)?));
                        }
                    }
                }
                Payload::StartSection { func, .. } => read.needed.push(usize::try_from(func)?),
                Payload::ElementSection(elements) => {
                    for element in elements {
                        match element?.items {
                            ElementItems::Functions(items) => {
                                for item in items {
                                    read.needed.push(usize::try_from(item?)?);
                                }
                            }
                            ElementItems::Expressions(_, items) => {
                                for item in items {
                                    read.needed.extend(referred(item?.get_operators_reader())?);
                                }
                            }
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => defined.push(Function {
                    name: String::new(),
                    size: body.as_bytes().len(),
                    callees: referred(body.get_operators_reader()?)?,
                }),
                Payload::DataSection(data) => {
                    for segment in data {
                        read.data += segment?.data.len();
                    }
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(subsections) = section.as_known() {
                        for subsection in subsections {
                            if let Name::Function(functions) = subsection? {
                                for naming in functions {
                                    let naming = naming?;
                                    names.insert(
                                        usize::try_from(naming.index)?,
                                        naming.name.to_owned(),
                                    );
                                }
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        read.functions.append(&mut defined);
        for (index, function) in read.functions.iter_mut().enumerate() {
            function.name = names.remove(&index).unwrap_or_default();
        }
        Ok(read)
    }

    /// The bytes of the functions that are reached from the roots when `cut` is taken out.
    fn reached(&self, root: impl Fn(&str) -> bool, cut: impl Fn(&Function) -> bool) -> usize {
        let mut seen = vec![false; self.functions.len()];
        let exported = self
            .exports
            .iter()
            .filter(|(name, _)| root(name))
            .map(|(_, index)| *index);
        let mut open: Vec<usize> = exported.chain(self.needed.iter().copied()).collect();
        let mut size = 0;
        while let Some(index) = open.pop() {
            let (Some(function), Some(seen)) = (self.functions.get(index), seen.get_mut(index))
            else {
                continue;
            };
            if *seen || cut(function) {
                continue;
            }
            *seen = true;
            size += function.size;
            open.extend(&function.callees);
        }
        size
    }

    fn costs(&self) -> Costs {
        let all = self.reached(|_| true, |_| false);
        let mut interfaces: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, _) in &self.exports {
            if let Some(interface) = interface(name) {
                let functions = interfaces.entry(interface).or_default();
                *functions += usize::from(!name.starts_with(POST_RETURN));
            }
        }
        let costs = interfaces.into_iter().map(|(name, functions)| {
            let kept = |export: &str| interface(export) != Some(name);
            let typed = all - self.reached(kept, |_| false);
            let whole = all
                - self.reached(kept, |function| {
                    in_module(&function.name, &rust_module(name))
                });
            Cost {
                interface: name.to_owned(),
                functions,
                typed,
                whole,
            }
        });
        let mut interfaces: Vec<Cost> = costs.collect();
        interfaces.sort_by_key(|cost| std::cmp::Reverse(cost.whole));
        Costs {
            interfaces,
            code: all,
            data: self.data,
        }
    }
}

/// The functions that a piece of code calls or refers to by index.
fn referred(operators: wasmparser::OperatorsReader<'_>) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for operator in operators {
        if let Operator::Call { function_index }
        | Operator::ReturnCall { function_index }
        | Operator::RefFunc { function_index } = operator?
        {
            found.push(usize::try_from(function_index)?);
        }
    }
    Ok(found)
}

/// wit-bindgen's exports that free what a function returned.
const POST_RETURN: &str = "cabi_post_";

/// `capsule:crm/people@0.1.0` of the export `capsule:crm/people@0.1.0#create`.
fn interface(export: &str) -> Option<&str> {
    Some(
        export
            .strip_prefix(POST_RETURN)
            .unwrap_or(export)
            .split_once('#')?
            .0,
    )
}

/// `custom_fields` of `capsule:crm/custom-fields@0.1.0`.
fn rust_module(interface: &str) -> String {
    let name = interface.rsplit('/').next().unwrap_or(interface);
    name.split('@').next().unwrap_or(name).replace('-', "_")
}

/// Whether a path in the guest's mangled `symbol` has the segment `module`. Both of Rust's manglings write a segment as its
/// length and its name.
fn in_module(symbol: &str, module: &str) -> bool {
    let has = |segment: &str| {
        let segment = format!("{}{segment}", segment.len());
        symbol
            .match_indices(&segment)
            .any(|(at, _)| !symbol[..at].ends_with(|before: char| before.is_ascii_digit()))
    };
    has("capsule_crm") && has(module)
}

/// What one interface costs, in bytes of code.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    interface: String,
    functions: usize,
    typed: usize,
    whole: usize,
}

/// What all cost.
#[derive(Debug)]
struct Costs {
    interfaces: Vec<Cost>,
    /// Of the whole module.
    code: usize,
    data: usize,
}

impl Costs {
    fn table(&self) -> Result<String> {
        let mut text = String::from(
            "interface                                functions       typed       whole\n",
        );
        for cost in &self.interfaces {
            writeln!(
                text,
                "{:<40} {:>9} {:>11} {:>11}",
                cost.interface,
                cost.functions,
                grouped(cost.typed),
                grouped(cost.whole)
            )?;
        }
        let attributed: usize = self.interfaces.iter().map(|cost| cost.whole).sum();
        for (name, size) in [
            (
                "code of no one interface",
                self.code.saturating_sub(attributed),
            ),
            ("static data", self.data),
        ] {
            writeln!(text, "{name:<50} {:>23}", grouped(size))?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        CodeSection, ConstExpr, ElementSection, Elements, ExportKind, ExportSection,
        Function as Body, FunctionSection, Instruction, NameMap, NameSection, RefType,
        TableSection, TableType, TypeSection,
    };

    use super::*;

    /// A module whose functions, by name, have `padding` instructions and call others by index; the first `exported` are
    /// exported under their names; `table` stand in a table.
    fn module(
        functions: &[(&str, usize, &[u32])],
        exports: &[(&str, u32)],
        table: &[u32],
    ) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut declared, mut code, mut names) =
            (FunctionSection::new(), CodeSection::new(), NameMap::new());
        for (index, (name, padding, callees)) in (0..).zip(functions) {
            declared.function(0);
            names.append(index, name);
            let mut body = Body::new([]);
            for _ in 0..*padding {
                body.instruction(&Instruction::Nop);
            }
            for callee in *callees {
                body.instruction(&Instruction::Call(*callee));
            }
            body.instruction(&Instruction::End);
            code.function(&body);
        }
        let mut exported = ExportSection::new();
        for (name, index) in exports {
            exported.export(name, ExportKind::Func, *index);
        }
        let mut tables = TableSection::new();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 9,
            maximum: None,
            shared: false,
        });
        let mut elements = ElementSection::new();
        elements.active(
            None,
            &ConstExpr::i32_const(0),
            Elements::Functions(table.into()),
        );
        let mut named = NameSection::new();
        named.functions(&names);
        let mut module = wasm_encoder::Module::new();
        module
            .section(&types)
            .section(&declared)
            .section(&tables)
            .section(&exported)
            .section(&elements)
            .section(&code);
        module.section(&named);
        module.finish()
    }

    fn costs(module: &[u8]) -> Vec<(String, usize, usize)> {
        let costs = Module::read(module).unwrap().costs();
        costs
            .interfaces
            .into_iter()
            .map(|cost| (cost.interface, cost.typed, cost.whole))
            .collect()
    }

    /// Locals and `end`.
    const BODY: usize = 2;
    /// `call` and an index.
    const CALL: usize = 2;

    #[test]
    fn code_that_only_one_interface_reaches_is_its_typed_cost() {
        let module = module(
            &[("lift", 10, &[2]), ("other", 10, &[]), ("body", 100, &[])],
            &[("v:p/people@1.0.0#create", 0), ("v:p/tags@1.0.0#create", 1)],
            &[],
        );
        let people = BODY + 10 + CALL + BODY + 100;
        assert!(costs(&module).contains(&("v:p/people@1.0.0".to_owned(), people, people)));
    }

    #[test]
    fn code_that_two_interfaces_reach_is_the_cost_of_none() {
        let module = module(
            &[("lift", 0, &[2]), ("lift", 0, &[2]), ("body", 100, &[])],
            &[("v:p/people@1.0.0#create", 0), ("v:p/tags@1.0.0#create", 1)],
            &[],
        );
        assert!(
            costs(&module)
                .iter()
                .all(|(_, typed, whole)| (*typed, *whole) == (BODY + CALL, BODY + CALL))
        );
    }

    #[test]
    fn code_in_a_table_is_always_needed() {
        let module = module(
            &[("lift", 0, &[1]), ("body", 100, &[])],
            &[("v:p/people@1.0.0#create", 0)],
            &[1],
        );
        assert_eq!(
            costs(&module),
            [("v:p/people@1.0.0".to_owned(), BODY + CALL, BODY + CALL)]
        );
    }

    #[test]
    fn what_the_dispatcher_reaches_too_counts_as_whole_by_the_name_of_its_module() {
        let body = "_RNvNtNtCs1_11capsule_crm7actions6people6create";
        let module = module(
            &[
                ("lift", 0, &[2]),
                ("dispatch", 50, &[2]),
                (body, 100, &[3]),
                ("used by the body", 1000, &[]),
            ],
            &[
                ("v:p/people@1.0.0#create", 0),
                ("v:p/operations@1.0.0#invoke", 1),
            ],
            &[],
        );
        let people = (
            "v:p/people@1.0.0".to_owned(),
            BODY + CALL,
            BODY + CALL + BODY + CALL + 100 + BODY + 1000,
        );
        assert!(costs(&module).contains(&people), "{:?}", costs(&module));
    }

    #[test]
    fn freeing_a_result_belongs_to_the_interface_and_is_no_function_of_it() {
        let module = module(
            &[("lift", 0, &[]), ("free", 0, &[])],
            &[
                ("v:p/people@1.0.0#create", 0),
                ("cabi_post_v:p/people@1.0.0#create", 1),
            ],
            &[],
        );
        let costs = Module::read(&module).unwrap().costs();
        assert_eq!(
            costs.interfaces,
            [Cost {
                interface: "v:p/people@1.0.0".to_owned(),
                functions: 1,
                typed: 4,
                whole: 4
            }]
        );
    }

    #[test]
    fn a_segment_is_found_in_both_manglings_and_only_as_a_whole() {
        assert!(in_module(
            "_RNvNtNtCs1_11capsule_crm7actions6people6create",
            "people"
        ));
        assert!(in_module(
            "_ZN11capsule_crm7actions6people6create17h0123456789abcdefE",
            "people"
        ));
        assert!(!in_module(
            "_RNvNtNtCs1_11capsule_crm7actions16people_and_more_6create",
            "people"
        ));
        assert!(!in_module("_RNvNtCs1_5other6people6create", "people"));
        assert!(!in_module("", "people"));
    }

    #[test]
    fn a_module_is_named_after_its_interface() {
        assert_eq!(
            rust_module("capsule:crm/custom-fields@0.1.0"),
            "custom_fields"
        );
    }

    #[test]
    fn custom_sections_do_not_count_as_size() {
        let module = module(&[("a_rather_long_name", 10, &[])], &[], &[]);
        let without = module.len() - stripped_size(&module).unwrap();
        assert!((20..40).contains(&without), "{without}");
    }

    #[test]
    fn a_component_without_a_module_is_an_error() {
        main_module(b"\0asm\x0d\0\x01\0").unwrap_err();
    }
}
