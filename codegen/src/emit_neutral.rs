//! Writes the tables and the exports of interfaces of other packages.

use crate::Paths;
use crate::emit::{Emitter, component_type, constant, exported};
use crate::names::{camel, snake};
use crate::neutral::{Function, Neutral};
use std::fmt::Write;

/// Model code, shapes and the table of functions. Types of interfaces without functions are those of the contract.
pub(crate) fn tables(neutral: &Neutral, paths: &Paths) -> String {
    let emitter = Emitter {
        types: &neutral.types,
        paths,
        neutral: true,
    };
    let mut out = format!("// Generated from WIT.\nuse {}::*;\n\n", paths.contract);
    let types = || neutral.types.iter().filter(|named| named.apart);
    for named in types() {
        emitter.shape(&mut out, named);
        emitter.json(&mut out, named);
    }
    let mut rows = String::new();
    for function in &neutral.functions {
        let input = format!("{}-{}-input", function.interface, function.name);
        emitter.parameters(&mut out, &input, &function.params);
        let output = emitter.optional(function.output.as_ref());
        let _ = writeln!(
            rows,
            "    Function {{ name: \"{}.{}\", input: Shape::Record(&{}), output: {output} }},",
            function.interface,
            function.name,
            constant(&input),
        );
    }
    let _ = writeln!(
        out,
        "/// Every function of the neutral interfaces.\npub static FUNCTIONS: &[Function] = &[\n{rows}];"
    );
    emitter.models(&mut out, types());
    out
}

/// The exports: a core function for each function, and the section that makes a component of them. The text that includes it has
/// `neutral` in scope, and a type `Component` that has the traits of `wit-bindgen`, and lies beside a file `neutral-component-type`.
pub(crate) fn exports(neutral: &Neutral, paths: &Paths) -> String {
    let mut out = component_type(
        "neutral",
        "neutral-component-type",
        neutral.component_type.len(),
    );
    for (index, function) in neutral.functions.iter().enumerate() {
        let row = format!("&{}::FUNCTIONS[{index}]", paths.contract);
        let name = snake(&format!("{}-{}", function.interface, function.name));
        let body = format!(
            "neutral({row}, {}, |input| {})",
            function.core.arguments(),
            call(function, paths),
        );
        exported(&mut out, &name, &function.core, &body);
    }
    out
}

/// The body that `wit-bindgen`'s trait declares, on arguments that an object holds.
fn call(function: &Function, paths: &Paths) -> String {
    let arguments: Vec<_> = function
        .params
        .iter()
        .map(|(name, _)| format!("Json::from_json(json::take(&mut input, {:?}))", camel(name)))
        .collect();
    let give = if function.output.is_some() {
        "Json::to_json"
    } else {
        "|()| Value::Null"
    };
    let unpack = if function.params.is_empty() {
        "drop(input);"
    } else {
        "let mut input = json::object(input);"
    };
    format!(
        "{{ {unpack} <Component as {}::{}::Guest>::{}({}).map({give}) }}",
        paths.bindings,
        function.module,
        snake(&function.name),
        arguments.join(", "),
    )
}
