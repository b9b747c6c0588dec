//! Reads the world: which operations there are, which types they use, and what can't be put into JSON.

use crate::docs::{self, Doc, Place};
use crate::fit::{beside, once};
use crate::names;
use crate::refusal::{Refusal, no_json};
use crate::triggers::{self, Trigger};
use crate::verbs::{self, Effect};
use std::collections::BTreeSet;
use std::path::Path;
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Docs, FunctionKind, Interface, PackageId, Resolve, Type, TypeDef, TypeDefKind, TypeId,
    TypeOwner, WorldId, WorldItem,
};

/// A world, read.
#[derive(Clone, Debug)]
pub struct Contract {
    pub(crate) operations: Vec<Operation>,
    /// Functions of interfaces tagged `@events`: exported, and no operations.
    pub(crate) event_functions: Vec<Operation>,
    pub(crate) triggers: Vec<Trigger>,
    /// Named types that operations use, each after those that it uses.
    pub(crate) types: Vec<Named>,
    /// What a linker needs to make a component of the world's own exports.
    pub(crate) component_type: Vec<u8>,
}

/// A function of an exported interface.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) interface: String,
    pub(crate) function: String,
    pub(crate) doc: Doc,
    pub(crate) group: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) effect: Effect,
    pub(crate) repeat_safe: bool,
    pub(crate) input: Input,
    pub(crate) output: Option<Shape>,
    /// `capsule:crm/people@0.1.0.create`.
    pub(crate) typed: String,
    /// The input has a cursor and the output a next one.
    pub(crate) paged: bool,
    /// It stands in an interface of events, and is no operation.
    pub(crate) of_events: bool,
    /// How a core module exports it.
    pub(crate) core: Core,
}

/// A function as a core module exports it. It gives back where its result lies.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    /// `capsule:crm/people@0.1.0#create`.
    pub(crate) name: String,
    /// Types of its parameters, as Rust has them.
    pub(crate) params: Vec<&'static str>,
    /// Its one parameter is where the arguments lie.
    pub(crate) in_memory: bool,
}

/// What an operation takes.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// One record.
    Record(String),
    /// Plain scalars: WIT name and type.
    Scalars(Vec<(String, Shape)>),
}

/// A named type.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// Apart from all others. That of the WIT; with that of its interface before it where the interface is [exported as it is](Reader::apart).
    pub(crate) name: String,
    /// Interface with its package, as Rust modules.
    pub(crate) module: String,
    /// Its name in Rust.
    pub(crate) rust: String,
    /// It stands in an interface that is exported as it is.
    pub(crate) apart: bool,
    pub(crate) doc: Doc,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Record(Vec<Field>),
    Variant(Form, Vec<Case>),
    Enum(Vec<Case>),
}

/// How the JSON of a variant looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{"case": payload}`, or `"case"`.
    Tagged,
    /// The payload alone.
    Bare,
    /// The payload or null.
    Change,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) json: String,
    pub(crate) doc: Doc,
    pub(crate) shape: Shape,
    /// A text of digits is an id.
    pub(crate) digits_are_id: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) json: String,
    pub(crate) doc: Doc,
    pub(crate) shape: Option<Shape>,
}

/// A type as JSON sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Boolean,
    Integer {
        least: i64,
        most: i64,
    },
    Number,
    Text,
    /// A text that holds JSON, which is itself in the JSON face.
    Json,
    Bytes,
    List(Box<Shape>),
    Option(Box<Shape>),
    /// An option of a change variant: absent, null or a value.
    Change(String),
    /// A list of records of two fields, as an object.
    Map(String),
    Named(String),
}

/// Largest whole number that every JSON reader keeps exact.
const EXACT: i64 = (1 << 53) - 1;

/// An id, as a key of an object can hold it.
pub(crate) const ID: Shape = Shape::Integer {
    least: 0,
    most: EXACT,
};

pub(crate) const BYTE: Shape = Shape::Integer {
    least: 0,
    most: u8::MAX as i64,
};

/// What `@json` says beyond a name.
const FORMS: &[&str] = &[
    "bare",
    "change",
    "object",
    "base64",
    "value",
    "name-or-number",
];

impl Contract {
    /// Reads the WIT package in a folder (with its dependencies under `deps/`).
    ///
    /// # Errors
    /// WIT that does not parse, and every [`Refusal`].
    pub fn read(folder: &Path, world: &str) -> anyhow::Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder)?;
        Self::of(&resolve, package, world)
    }

    /// The same from one text, without dependencies.
    ///
    /// # Errors
    /// WIT that does not parse, and every [`Refusal`].
    pub fn parse(text: &str, world: &str) -> anyhow::Result<Self> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("text.wit", text)?;
        Self::of(&resolve, package, world)
    }

    fn of(resolve: &Resolve, package: PackageId, world: &str) -> anyhow::Result<Self> {
        let world = resolve.select_world(&[package], Some(world))?;
        let component_type = component_type(resolve, world)?;
        let mut reader = Reader::new(resolve, package);
        let mut operations = Vec::new();
        for (key, item) in &resolve.worlds[world].exports {
            let named = resolve.name_world_key(key);
            match item {
                WorldItem::Interface { id, .. } => {
                    let interface = &resolve.interfaces[*id];
                    let Some(name) = &interface.name else {
                        return Err(Refusal::Signature {
                            function: named,
                            why: "declare its interface outside of the world".into(),
                        }
                        .into());
                    };
                    // Those of other packages are exported as they are: what they declare is no operation.
                    if interface.package == Some(package) {
                        reader.interface(name, interface, &mut operations)?;
                    }
                }
                WorldItem::Function(_) => {
                    return Err(Refusal::Signature {
                        function: named,
                        why: "declare it in an interface, which gives it its id".into(),
                    }
                    .into());
                }
                WorldItem::Type { .. } => {}
            }
        }
        operations.sort_by_key(Operation::id);
        let (operations, event_functions): (Vec<_>, Vec<_>) = operations
            .into_iter()
            .partition(|operation| !operation.of_events);
        let triggers = triggers::read(&reader.types)?;
        let mut ids = BTreeSet::new();
        for operation in &operations {
            for id in operation.aliases.iter().cloned().chain([operation.id()]) {
                if let Some(name) = ids.replace(id) {
                    return Err(Refusal::Twice {
                        item: operation.interface.clone(),
                        name,
                    }
                    .into());
                }
            }
        }
        // One catalogue of schemas and choices serves both.
        for trigger in &triggers {
            for id in trigger.aliases.iter().chain([&trigger.id]) {
                if !ids.insert(id.clone()) {
                    return Err(Refusal::Twice {
                        item: trigger.item.clone(),
                        name: id.clone(),
                    }
                    .into());
                }
            }
        }
        Ok(Self {
            operations,
            event_functions,
            triggers,
            types: reader.types,
            component_type,
        })
    }
}

/// What a linker needs to make a component of a world's exports.
pub(crate) fn component_type(resolve: &Resolve, world: WorldId) -> anyhow::Result<Vec<u8>> {
    wit_component::metadata::encode(resolve, world, wit_component::StringEncoding::UTF8, None)
}

impl Operation {
    pub(crate) fn id(&self) -> String {
        format!("{}.{}", self.interface, self.function)
    }
}

pub(crate) struct Reader<'a> {
    resolve: &'a Resolve,
    package: PackageId,
    pub(crate) types: Vec<Named>,
    seen: BTreeSet<TypeId>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(resolve: &'a Resolve, package: PackageId) -> Self {
        Self {
            resolve,
            package,
            types: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Whether an interface is exported as it is: it has functions, and comes from another package.
    pub(crate) fn apart(&self, interface: &Interface) -> bool {
        interface.package != Some(self.package) && !interface.functions.is_empty()
    }

    fn interface(
        &mut self,
        name: &str,
        interface: &Interface,
        operations: &mut Vec<Operation>,
    ) -> Result<(), Refusal> {
        let about = docs::read(interface.docs.contents.as_deref(), name, Place::Interface)?;
        let package = interface
            .package
            .map(|id| self.resolve.packages[id].name.clone());
        for function in interface.functions.values() {
            let item = format!("{name}.{}", function.name);
            if names::WIT_KEYWORDS.contains(&function.name.as_str()) {
                return Err(Refusal::Keyword { function: item });
            }
            if function.kind != FunctionKind::Freestanding {
                return Err(Refusal::Signature {
                    function: item,
                    why: "an operation is a plain function: no method, not async".into(),
                });
            }
            let doc = docs::read(function.docs.contents.as_deref(), &item, Place::Function)?;
            // The catalogue says nothing of the effect of what is no operation.
            let meaning = if about.tags.events {
                Some((Effect::Read, true))
            } else {
                verbs::meaning(&function.name)
            };
            let (mut effect, repeat_safe) = meaning.ok_or_else(|| Refusal::Verb {
                function: item.clone(),
            })?;
            effect = match doc.tags.effect.as_deref() {
                None => effect,
                Some("read") => Effect::Read,
                Some("write") => Effect::Write,
                Some("destructive") => Effect::Destructive,
                Some(other) => {
                    return Err(Refusal::Tag {
                        item,
                        tag: format!("effect {other}"),
                        why: "read, write or destructive".into(),
                    });
                }
            };
            let input = self.input(function, &item)?;
            let output = self.output(function, &item)?;
            let paged = self.paged(&input, output.as_ref());
            operations.push(Operation {
                typed: package.as_ref().map_or_else(String::new, |package| {
                    let version = package
                        .version
                        .as_ref()
                        .map_or_else(String::new, |version| format!("@{version}"));
                    format!(
                        "{}:{}/{name}{version}.{}",
                        package.namespace, package.name, function.name
                    )
                }),
                core: self.core_export(interface, function),
                aliases: about
                    .tags
                    .aliases
                    .iter()
                    .map(|alias| format!("{alias}.{}", function.name))
                    .collect(),
                group: about.title.clone(),
                interface: name.to_owned(),
                function: function.name.clone(),
                doc,
                effect,
                repeat_safe,
                input,
                output,
                paged,
                of_events: about.tags.events,
            });
        }
        Ok(())
    }

    pub(crate) fn core_export(
        &self,
        interface: &Interface,
        function: &wit_parser::Function,
    ) -> Core {
        let signature = self
            .resolve
            .wasm_signature(AbiVariant::GuestExport, function);
        let module = interface
            .package
            .zip(interface.name.as_deref())
            .map(|(package, name)| self.resolve.packages[package].name.interface_id(name))
            .unwrap_or_default();
        Core {
            name: format!("{module}#{}", function.name),
            params: signature
                .params
                .iter()
                .map(|param| match param {
                    WasmType::I32 | WasmType::Pointer | WasmType::Length => "u32",
                    WasmType::I64 | WasmType::PointerOrI64 => "u64",
                    WasmType::F32 => "f32",
                    WasmType::F64 => "f64",
                })
                .collect(),
            in_memory: signature.indirect_params,
        }
    }

    fn input(&mut self, function: &wit_parser::Function, item: &str) -> Result<Input, Refusal> {
        let refuse = |why: &str| Refusal::Signature {
            function: item.to_owned(),
            why: why.to_owned(),
        };
        if let [only] = function.params.as_slice()
            && let Shape::Named(name) = self.shape(only.ty, item)?
        {
            let record = self
                .types
                .iter()
                .any(|named| named.name == name && matches!(named.kind, Kind::Record(_)));
            return match (record, only.name.as_str()) {
                (true, "input") => Ok(Input::Record(name)),
                (true, _) => Err(refuse("its record is called `input`")),
                (false, _) => Err(refuse("it takes one record, or plain scalars")),
            };
        }
        let mut scalars = Vec::new();
        for param in &function.params {
            let shape = self.shape(param.ty, item)?;
            if !matches!(
                shape,
                Shape::Boolean | Shape::Integer { .. } | Shape::Number | Shape::Text
            ) {
                return Err(refuse("it takes one record, or plain scalars"));
            }
            scalars.push((param.name.clone(), shape));
        }
        Ok(Input::Scalars(scalars))
    }

    pub(crate) fn output(
        &mut self,
        function: &wit_parser::Function,
        item: &str,
    ) -> Result<Option<Shape>, Refusal> {
        let refuse = || Refusal::Signature {
            function: item.to_owned(),
            why: "it returns `result<T, error>`".to_owned(),
        };
        let Some(Type::Id(id)) = function.result else {
            return Err(refuse());
        };
        let TypeDefKind::Result(result) = &self.resolve.types[id].kind else {
            return Err(refuse());
        };
        match result.err {
            Some(Type::Id(error)) if self.resolve.types[error].name.as_deref() == Some("error") => {
                self.shape_of(error, item)?;
            }
            _ => return Err(refuse()),
        }
        let Some(ok) = result.ok else { return Ok(None) };
        let shape = self.shape(ok, item)?;
        self.settled(&shape, item)?;
        Ok(Some(shape))
    }

    fn paged(&self, input: &Input, output: Option<&Shape>) -> bool {
        let has = |name: &str, wanted: &[&str]| {
            self.types.iter().any(|named| match &named.kind {
                Kind::Record(fields) if named.name == name => wanted
                    .iter()
                    .all(|field| fields.iter().any(|given| given.json == *field)),
                _ => false,
            })
        };
        match (input, output) {
            (Input::Record(input), Some(Shape::Named(output))) => {
                has(input, &["cursor"]) && has(output, &["items", "next"])
            }
            _ => false,
        }
    }

    pub(crate) fn shape(&mut self, ty: Type, item: &str) -> Result<Shape, Refusal> {
        let whole = |least: i64, most: i64| Shape::Integer { least, most };
        Ok(match ty {
            Type::Bool => Shape::Boolean,
            Type::U8 => whole(0, i64::from(u8::MAX)),
            Type::U16 => whole(0, i64::from(u16::MAX)),
            Type::U32 => whole(0, i64::from(u32::MAX)),
            Type::U64 => whole(0, EXACT),
            Type::S8 => whole(i64::from(i8::MIN), i64::from(i8::MAX)),
            Type::S16 => whole(i64::from(i16::MIN), i64::from(i16::MAX)),
            Type::S32 => whole(i64::from(i32::MIN), i64::from(i32::MAX)),
            Type::S64 => whole(-EXACT, EXACT),
            Type::F64 => Shape::Number,
            // 0.1 would come back as 0.10000000149011612.
            Type::F32 => return Err(no_json(item, "f32")),
            Type::String => Shape::Text,
            Type::Char => return Err(no_json(item, "char")),
            Type::ErrorContext => return Err(no_json(item, "error-context")),
            Type::Id(id) => self.shape_of(id, item)?,
        })
    }

    fn shape_of(&mut self, id: TypeId, item: &str) -> Result<Shape, Refusal> {
        let resolve = self.resolve;
        let def = &resolve.types[id];
        match &def.kind {
            TypeDefKind::Type(inner) => self.shape(*inner, item),
            TypeDefKind::List(inner) => Ok(Shape::List(Box::new(self.shape(*inner, item)?))),
            TypeDefKind::Option(inner) => match self.shape(*inner, item)? {
                Shape::Option(_) | Shape::Change(_) => Err(no_json(item, "option in an option")),
                Shape::Named(name) if self.form(&name) == Some(Form::Change) => {
                    Ok(Shape::Change(name))
                }
                inner => Ok(Shape::Option(Box::new(inner))),
            },
            TypeDefKind::Record(_) | TypeDefKind::Variant(_) | TypeDefKind::Enum(_) => {
                let name = self
                    .name(def)
                    .ok_or_else(|| no_json(item, "type without a name"))?;
                if self.seen.insert(id) {
                    let named = self.named(def, &name)?;
                    // Definitions of a schema have no interface.
                    if self.types.iter().any(|other| other.name == name) {
                        return Err(Refusal::Twice {
                            item: item.to_owned(),
                            name,
                        });
                    }
                    self.types.push(named);
                }
                Ok(Shape::Named(name))
            }
            other => Err(no_json(item, other.as_str())),
        }
    }

    pub(crate) fn form(&self, name: &str) -> Option<Form> {
        self.types
            .iter()
            .find(|named| named.name == name)
            .and_then(|named| match named.kind {
                Kind::Variant(form, _) => Some(form),
                _ => None,
            })
    }

    /// The interface in which a type stands.
    fn owner(&self, def: &TypeDef) -> Option<&'a Interface> {
        match def.owner {
            TypeOwner::Interface(interface) => Some(&self.resolve.interfaces[interface]),
            _ => None,
        }
    }

    /// What tells a type from all others.
    fn name(&self, def: &TypeDef) -> Option<String> {
        let name = def.name.as_ref()?;
        let interface = self.owner(def).filter(|interface| self.apart(interface));
        Some(
            match interface.and_then(|interface| interface.name.as_ref()) {
                Some(interface) => format!("{interface}-{name}"),
                None => name.clone(),
            },
        )
    }

    fn named(&mut self, def: &TypeDef, name: &str) -> Result<Named, Refusal> {
        let Some(interface) = self.owner(def) else {
            return Err(no_json(name, "type outside of an interface"));
        };
        let apart = self.apart(interface);
        let module = self.module(interface);
        // Nobody is shown those of other packages.
        let read = |docs: &Docs, item: &str, place: Place| {
            if apart {
                Ok(Doc::default())
            } else {
                docs::read(docs.contents.as_deref(), item, place)
            }
        };
        let place = match &def.kind {
            TypeDefKind::Record(_) => Place::Record,
            TypeDefKind::Enum(_) => Place::Enum,
            _ => Place::Variant,
        };
        let doc = read(&def.docs, name, place)?;
        let kind = match &def.kind {
            TypeDefKind::Record(record) => {
                let mut fields = Vec::new();
                for field in &record.fields {
                    let item = format!("{name}.{}", field.name);
                    let mut doc = read(&field.docs, &item, Place::Field)?;
                    if apart && self.is_bytes(field.ty) {
                        doc.tags.json = Some("base64".into());
                    }
                    fields.push(self.field(&field.name, field.ty, doc, &item)?);
                }
                beside(name, &mut fields)?;
                once(name, fields.iter().map(|field| &field.json))?;
                Kind::Record(fields)
            }
            TypeDefKind::Enum(cases) => {
                let mut all = Vec::new();
                for case in &cases.cases {
                    let item = format!("{name}.{}", case.name);
                    let doc = read(&case.docs, &item, Place::EnumCase)?;
                    all.push(case_of(&case.name, doc, None, &item)?);
                }
                once(name, all.iter().map(|case| &case.json))?;
                Kind::Enum(all)
            }
            TypeDefKind::Variant(variant) => {
                let form = match doc.tags.json.as_deref() {
                    None => Form::Tagged,
                    Some("bare") => Form::Bare,
                    Some("change") => Form::Change,
                    Some(other) => {
                        return Err(Refusal::Misplaced {
                            item: name.into(),
                            why: format!("a variant can't be `@json {other}`"),
                        });
                    }
                };
                let mut all = Vec::new();
                for case in &variant.cases {
                    let item = format!("{name}.{}", case.name);
                    let doc = read(&case.docs, &item, Place::Case)?;
                    let shape = case.ty.map(|ty| self.shape(ty, &item)).transpose()?;
                    if matches!(shape, Some(Shape::Option(_) | Shape::Change(_))) {
                        return Err(no_json(&item, "option as a payload"));
                    }
                    if let Some(shape) = &shape {
                        self.settled(shape, &item)?;
                    }
                    self.hints_fit(&doc.tags, shape.as_ref(), &item)?;
                    if doc
                        .tags
                        .choices
                        .as_ref()
                        .is_some_and(|(_, after)| after.is_some())
                    {
                        return Err(Refusal::Misplaced {
                            item,
                            why: "no field stands beside a case".into(),
                        });
                    }
                    all.push(case_of(&case.name, doc, shape, &item)?);
                }
                self.fits(name, form, &all)?;
                once(name, all.iter().map(|case| &case.json))?;
                Kind::Variant(form, all)
            }
            other => return Err(no_json(name, other.as_str())),
        };
        Ok(Named {
            name: name.to_owned(),
            module,
            rust: names::type_name(def.name.as_deref().unwrap_or_default()),
            apart,
            doc,
            kind,
        })
    }

    fn field(&mut self, name: &str, ty: Type, doc: Doc, item: &str) -> Result<Field, Refusal> {
        let mut shape = self.shape(ty, item)?;
        let misplaced = |why: &str| Refusal::Misplaced {
            item: item.to_owned(),
            why: why.to_owned(),
        };
        let mut json = names::camel(name);
        let mut digits_are_id = false;
        match doc.tags.json.as_deref() {
            None => {}
            Some("bare" | "change") => {
                return Err(misplaced(
                    "`@json bare` and `@json change` stand on variants",
                ));
            }
            Some("name-or-number") => {
                if !self.is_id_or_name(without_option(&shape)) {
                    return Err(misplaced(
                        "`@json name-or-number` stands on a bare variant of a u64 and a string",
                    ));
                }
                digits_are_id = true;
            }
            Some("base64") => {
                let bytes = Shape::List(Box::new(BYTE));
                shape = match shape {
                    list if list == bytes => Shape::Bytes,
                    Shape::Option(list) if *list == bytes => Shape::Option(Box::new(Shape::Bytes)),
                    _ => return Err(misplaced("`@json base64` stands on a list of bytes")),
                };
            }
            Some("value") => {
                shape = match shape {
                    Shape::Option(text) if *text == Shape::Text => {
                        Shape::Option(Box::new(Shape::Json))
                    }
                    _ => return Err(misplaced("`@json value` stands on an option of a string")),
                };
            }
            Some("object") => {
                shape = match shape {
                    Shape::List(item) => self.map(&item, &misplaced)?,
                    Shape::Option(list) => match *list {
                        Shape::List(item) => Shape::Option(Box::new(self.map(&item, &misplaced)?)),
                        _ => return Err(misplaced("`@json object` stands on a list")),
                    },
                    _ => return Err(misplaced("`@json object` stands on a list")),
                };
            }
            Some(spelling) => json = spelling.to_owned(),
        }
        if !matches!(shape, Shape::Change(_)) {
            self.settled(&shape, item)?;
        }
        self.hints_fit(&doc.tags, Some(&shape), item)?;
        if let Some(default) = &doc.tags.default {
            self.default_fits(default, doc.tags.range, &shape, item)?;
        }
        Ok(Field {
            name: name.to_owned(),
            json,
            doc,
            shape,
            digits_are_id,
        })
    }

    /// What stands under options and changes.
    pub(crate) fn core<'s>(&'s self, shape: &'s Shape) -> &'s Shape {
        match shape {
            Shape::Option(inner) => self.core(inner),
            Shape::Change(name) => self
                .cases(name)
                .and_then(|cases| cases.first()?.shape.as_ref())
                .unwrap_or(shape),
            other => other,
        }
    }

    pub(crate) fn cases(&self, name: &str) -> Option<&[Case]> {
        self.types
            .iter()
            .find(|named| named.name == name)
            .and_then(|named| match &named.kind {
                Kind::Variant(_, cases) | Kind::Enum(cases) => Some(cases.as_slice()),
                Kind::Record(_) => None,
            })
    }

    /// Bytes, or an option of them.
    fn is_bytes(&self, ty: Type) -> bool {
        let Type::Id(id) = ty else { return false };
        match self.resolve.types[id].kind {
            TypeDefKind::List(item) => item == Type::U8,
            TypeDefKind::Option(inner) => self.is_bytes(inner),
            _ => false,
        }
    }

    /// The JSON types that a shape can have.
    pub(crate) fn json_kinds(&self, shape: &Shape) -> Vec<&'static str> {
        json_kinds(&self.types, shape)
    }

    /// Where `wit-bindgen` puts an interface. What is exported as it is has its types where its functions are.
    pub(crate) fn module(&self, interface: &Interface) -> String {
        let package = interface.package.map(|id| &self.resolve.packages[id].name);
        let name = interface.name.as_deref().unwrap_or_default();
        let exported = if self.apart(interface) {
            "exports::"
        } else {
            ""
        };
        package.map_or_else(String::new, |package| {
            format!(
                "{exported}{}::{}::{}",
                names::snake(&package.namespace),
                names::snake(&package.name),
                names::snake(name)
            )
        })
    }
}

/// The JSON types that a shape can have.
pub(crate) fn json_kinds(types: &[Named], shape: &Shape) -> Vec<&'static str> {
    match shape {
        Shape::Boolean => vec!["boolean"],
        Shape::Integer { .. } | Shape::Number => vec!["number"],
        Shape::Text | Shape::Bytes => vec!["string"],
        Shape::Json => vec!["boolean", "number", "string", "array", "object"],
        Shape::List(_) => vec!["array"],
        Shape::Map(_) => vec!["object"],
        Shape::Option(inner) => json_kinds(types, inner),
        Shape::Change(name) | Shape::Named(name) => match types
            .iter()
            .find(|named| named.name == *name)
            .map(|named| &named.kind)
        {
            Some(Kind::Enum(_)) => vec!["string"],
            Some(Kind::Variant(Form::Bare | Form::Change, cases)) => cases
                .iter()
                .filter_map(|case| case.shape.as_ref())
                .flat_map(|shape| json_kinds(types, shape))
                .collect(),
            Some(Kind::Variant(Form::Tagged, cases)) => {
                let mut kinds = Vec::new();
                if cases.iter().any(|case| case.shape.is_none()) {
                    kinds.push("string");
                }
                if cases.iter().any(|case| case.shape.is_some()) {
                    kinds.push("object");
                }
                kinds
            }
            _ => vec!["object"],
        },
    }
}

fn without_option(shape: &Shape) -> &Shape {
    match shape {
        Shape::Option(inner) => inner,
        other => other,
    }
}

fn case_of(name: &str, doc: Doc, shape: Option<Shape>, item: &str) -> Result<Case, Refusal> {
    let json = match &doc.tags.json {
        Some(form) if FORMS.contains(&form.as_str()) => {
            return Err(Refusal::Misplaced {
                item: item.to_owned(),
                why: format!("`@json {form}` does not stand on a case"),
            });
        }
        Some(spelling) => spelling.clone(),
        None => names::camel(name),
    };
    Ok(Case {
        name: name.to_owned(),
        json,
        doc,
        shape,
    })
}
