//! Exports by table: from a function's arguments as the canonical ABI lays them out to JSON, and from JSON to its result.
//!
//! `wit-bindgen` would write code for each function and each type that it takes and gives. Here one walk over the shapes does it for all
//! of them, so a typed function costs the component some fifty bytes, and it goes through the same check as its JSON form. That sizes,
//! alignments and the order of arguments are those of the canonical ABI is held against `wit-parser` by tests.

use super::check::{accepts, step};
use super::json::{self, Json};
use super::layout::{Layout, aligned, layout, of_change, of_result, width};
use super::shape::{Bounds, Record, Shape};
use crate::bindings::integration::connector::types::Violation;
use serde_json::{Map, Value};

/// The linear memory of the component. An address that comes in is one that the caller's engine has filled.
pub trait Memory {
    /// The bytes at an address.
    fn bytes(&self, at: usize, length: usize) -> &[u8];
    /// The same, to be written.
    fn bytes_mut(&mut self, at: usize, length: usize) -> &mut [u8];
    /// Takes over bytes that the caller's engine has written.
    fn take(&mut self, at: usize, length: usize) -> Vec<u8>;
    /// Leaves bytes where they are, as a piece if there are any.
    fn give(&mut self, bytes: Vec<u8>) -> (usize, Option<Piece>);
    /// Takes a piece of memory. Its bytes are anything.
    fn allocate(&mut self, piece: Piece) -> usize;
    /// Gives one back.
    fn release(&mut self, at: usize, piece: Piece);
}

/// Size and alignment of a piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// In bytes; never 0.
    pub size: usize,
    /// A power of two.
    pub align: usize,
}

/// How the arguments of a function come.
#[derive(Clone, Copy, Debug)]
pub enum Arguments<'a> {
    /// One value each, as bits.
    Flat(&'a [u64]),
    /// All of them at one address.
    Memory(usize),
}

/// Turns arguments into JSON and gives their memory back. What JSON can't hold is told as a fault.
///
/// # Errors
/// A key that stands twice in what JSON has as an object, and a name of digits as such a key.
pub fn lift(
    memory: &mut dyn Memory,
    input: &Shape,
    arguments: Arguments<'_>,
) -> Result<Value, Vec<Violation>> {
    let mut lift = Lift {
        memory,
        pointer: String::new(),
        found: Vec::new(),
    };
    let value = match arguments {
        Arguments::Flat(bits) => lift.value(input, Place::Flat(bits)),
        Arguments::Memory(at) => {
            let value = lift.value(input, Place::Memory(at));
            lift.release(at, layout(input), 1);
            value
        }
    };
    if lift.found.is_empty() {
        Ok(value)
    } else {
        Err(lift.found)
    }
}

/// Lays out a result: the first case holds what the function gives, if it gives something, the second its error. Tells where it lies,
/// and the pieces that it takes up.
pub fn lower(
    memory: &mut dyn Memory,
    output: Option<&Shape>,
    error: &Shape,
    result: Result<Value, Value>,
) -> (usize, Vec<(usize, Piece)>) {
    let mut lower = Lower {
        memory,
        taken: Vec::new(),
    };
    let whole = of_result(output, error);
    let at = lower.take(whole, 1);
    match result {
        Ok(value) => lower.case(at, whole.align, 0, output, value),
        Err(value) => lower.case(at, whole.align, 1, Some(error), value),
    }
    (at, lower.taken)
}

impl Layout {
    /// What some of them take up, if they take up something.
    fn piece(self, count: usize) -> Option<Piece> {
        let size = self.size.saturating_mul(count);
        (size > 0).then_some(Piece {
            size,
            align: self.align,
        })
    }
}

/// How many values a type is where arguments come one by one.
#[must_use]
pub fn flat_count(shape: &Shape) -> usize {
    match shape {
        Shape::Boolean | Shape::Integer(_) | Shape::Number | Shape::Enum(_) => 1,
        Shape::Text | Shape::Json | Shape::Bytes | Shape::List(_) | Shape::Map(_) => 2,
        Shape::Option(inner) => 1 + flat_count(inner),
        Shape::Change(inner) => 2 + flat_count(inner),
        Shape::Record(record) => record
            .fields
            .iter()
            .map(|field| flat_count(&field.shape))
            .sum(),
        Shape::Variant(variant) => {
            let payloads = variant.cases.iter().filter_map(|case| case.shape.as_ref());
            1 + payloads.map(flat_count).max().unwrap_or_default()
        }
    }
}

/// Where a value is found.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// It begins here, and later values follow. Where cases of a variant have values of several kinds, each comes as its bits in the
    /// widest of them, so that bits are all that is needed.
    Flat(&'a [u64]),
    Memory(usize),
}

impl Place<'_> {
    /// Where the payload of a variant lies, behind the number of its case.
    fn payload(self, align: usize) -> Self {
        match self {
            Self::Flat(bits) => Self::Flat(bits.get(1..).unwrap_or_default()),
            Self::Memory(at) => Self::Memory(at + align),
        }
    }
}

struct Lift<'m> {
    memory: &'m mut dyn Memory,
    pointer: String,
    found: Vec<Violation>,
}

impl Lift<'_> {
    fn release(&mut self, at: usize, layout: Layout, count: usize) {
        if let Some(piece) = layout.piece(count) {
            self.memory.release(at, piece);
        }
    }

    /// The bits of a scalar of some bytes; those above are not its own.
    fn bits(&self, place: Place<'_>, bytes: usize) -> u64 {
        match place {
            Place::Flat(bits) => bits.first().copied().unwrap_or_default(),
            Place::Memory(at) => {
                let mut all = [0; 8];
                for (to, from) in all.iter_mut().zip(self.memory.bytes(at, bytes)) {
                    *to = *from;
                }
                u64::from_le_bytes(all)
            }
        }
    }

    fn number(&self, place: Place<'_>, bytes: usize) -> usize {
        usize::try_from(self.bits(place, bytes)).unwrap_or(usize::MAX)
    }

    /// Address and length of a text or a list.
    fn pair(&self, place: Place<'_>) -> (usize, usize) {
        (self.number(place, 4), self.number(place.payload(4), 4))
    }

    fn value(&mut self, shape: &Shape, place: Place<'_>) -> Value {
        match shape {
            Shape::Boolean => Value::from(self.bits(place, 1) & 1 == 1),
            Shape::Integer(Bounds { least, most }) => {
                let bytes = width(*most);
                let above = 64 - 8 * bytes;
                let bits = self.bits(place, bytes) << above;
                if *least < 0 {
                    Value::from(bits.cast_signed() >> above)
                } else {
                    Value::from(bits >> above)
                }
            }
            Shape::Number => {
                let number = f64::from_bits(self.bits(place, 8));
                // What JSON has no number for stays visible to the check.
                json::number(number)
                    .map_or_else(|| Value::from("not a finite number"), Value::Number)
            }
            Shape::Enum(all) => {
                let case = all.cases.get(self.number(place, 1));
                Value::from(case.map(|(name, _)| *name))
            }
            Shape::Text => {
                let (at, length) = self.pair(place);
                let text = String::from_utf8(self.memory.take(at, length));
                Value::String(text.unwrap_or_else(|broken| {
                    String::from_utf8_lossy(broken.as_bytes()).into_owned()
                }))
            }
            Shape::Json => {
                let (at, length) = self.pair(place);
                let parsed = capsule_json::parse(&self.memory.take(at, length));
                parsed.unwrap_or_else(|error| {
                    self.found.push(Violation {
                        pointer: self.pointer.clone(),
                        message: format!("this is not JSON: {error}"),
                        rule: "type".to_owned(),
                    });
                    Value::Null
                })
            }
            Shape::Bytes => {
                let (at, length) = self.pair(place);
                json::base64(&self.memory.take(at, length))
            }
            Shape::List(item) => {
                let (at, length) = self.pair(place);
                let each = layout(item);
                let mut items = Vec::with_capacity(length);
                for index in 0..length {
                    let before = step(&mut self.pointer, &index.to_string());
                    items.push(self.value(item, Place::Memory(at + index * each.size)));
                    self.pointer.truncate(before);
                }
                self.release(at, each, length);
                Value::Array(items)
            }
            Shape::Map(record) => self.map(record, place),
            Shape::Option(_) | Shape::Change(_) => self.present(shape, place).unwrap_or_default(),
            Shape::Record(record) => self.record(record, place),
            Shape::Variant(variant) => {
                let Some(case) = variant.cases.get(self.number(place, 1)) else {
                    return Value::Null;
                };
                let payload = place.payload(layout(shape).align);
                match &case.shape {
                    None => Value::from(case.json),
                    Some(shape) if variant.bare => self.value(shape, payload),
                    Some(shape) => {
                        let before = step(&mut self.pointer, case.json);
                        let payload = self.value(shape, payload);
                        self.pointer.truncate(before);
                        json::tagged(case.json, payload)
                    }
                }
            }
        }
    }

    /// The value of a field, unless it is left out.
    fn present(&mut self, shape: &Shape, place: Place<'_>) -> Option<Value> {
        match shape {
            Shape::Option(inner) => {
                let there = self.bits(place, 1) != 0;
                there.then(|| self.value(inner, place.payload(layout(inner).align)))
            }
            Shape::Change(inner) => {
                let change = of_change(inner);
                if self.bits(place, 1) == 0 {
                    return None;
                }
                let place = place.payload(change.align);
                // Set, or clear.
                if self.bits(place, 1) == 0 {
                    Some(self.value(inner, place.payload(change.align)))
                } else {
                    Some(Value::Null)
                }
            }
            _ => Some(self.value(shape, place)),
        }
    }

    fn record(&mut self, record: &Record, mut place: Place<'_>) -> Value {
        let mut object = Map::new();
        for field in record.fields {
            if let Place::Memory(at) = &mut place {
                *at = aligned(*at, layout(&field.shape).align);
            }
            let before = step(&mut self.pointer, field.json);
            if let Some(value) = self.present(&field.shape, place) {
                object.insert(field.json.to_owned(), value);
            }
            self.pointer.truncate(before);
            match &mut place {
                Place::Flat(bits) => {
                    *bits = bits.get(flat_count(&field.shape)..).unwrap_or_default();
                }
                Place::Memory(at) => *at += layout(&field.shape).size,
            }
        }
        Value::Object(object)
    }

    /// A list of keys and values, as an object.
    fn map(&mut self, entry: &Record, place: Place<'_>) -> Value {
        let (at, length) = self.pair(place);
        let each = entry.layout;
        let mut object = Map::new();
        for index in 0..length {
            let Value::Object(mut pair) = self.record(entry, Place::Memory(at + index * each.size))
            else {
                continue;
            };
            let [key, value] = entry.fields else { continue };
            let value = pair.remove(value.json).unwrap_or_default();
            let name = match pair.remove(key.json) {
                Some(Value::String(name)) => {
                    if json::id(&name).is_some() && matches!(key.shape, Shape::Variant(_)) {
                        self.fault(
                            &name,
                            "type",
                            "a name of digits alone would be read as an id",
                        );
                    }
                    name
                }
                Some(other) => capsule_json::text(&other),
                None => String::new(),
            };
            if object.contains_key(&name) {
                self.fault(&name, "range", "the key is given twice");
            }
            object.insert(name, value);
        }
        self.release(at, each, length);
        Value::Object(object)
    }

    fn fault(&mut self, key: &str, rule: &str, message: &str) {
        let before = step(&mut self.pointer, key);
        self.found.push(Violation {
            pointer: self.pointer.clone(),
            message: message.to_owned(),
            rule: rule.to_owned(),
        });
        self.pointer.truncate(before);
    }
}

struct Lower<'m> {
    memory: &'m mut dyn Memory,
    taken: Vec<(usize, Piece)>,
}

impl Lower<'_> {
    /// Memory for some of a type; an address that nobody reads if they take up nothing.
    fn take(&mut self, layout: Layout, count: usize) -> usize {
        layout.piece(count).map_or(layout.align, |piece| {
            let at = self.memory.allocate(piece);
            self.taken.push((at, piece));
            at
        })
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.memory
            .bytes_mut(at, bytes.len())
            .copy_from_slice(bytes);
    }

    fn write_number(&mut self, at: usize, bytes: usize, bits: u64) {
        let all = bits.to_le_bytes();
        self.write(at, all.get(..bytes).unwrap_or(&all));
    }

    fn write_pair(&mut self, at: usize, address: usize, length: usize) {
        self.write_number(at, 4, address as u64);
        self.write_number(at + 4, 4, length as u64);
    }

    fn write_bytes(&mut self, at: usize, bytes: Vec<u8>) {
        let length = bytes.len();
        let (address, piece) = self.memory.give(bytes);
        self.taken.extend(piece.map(|piece| (address, piece)));
        self.write_pair(at, address, length);
    }

    /// A case of a variant whose payload may be aligned so.
    fn case(&mut self, at: usize, align: usize, case: usize, shape: Option<&Shape>, value: Value) {
        self.write_number(at, 1, case as u64);
        if let Some(shape) = shape {
            self.value(shape, value, at + align);
        }
    }

    /// The value fits the shape: it was made from the model that the shape describes.
    fn value(&mut self, shape: &Shape, value: Value, at: usize) {
        match shape {
            Shape::Boolean => self.write_number(at, 1, value.as_bool().unwrap_or_default().into()),
            Shape::Integer(Bounds { most, .. }) => {
                // A u64 that was not checked may be larger than an i64.
                let bits = value
                    .as_i64()
                    .map(i64::cast_unsigned)
                    .or_else(|| value.as_u64());
                self.write_number(at, width(*most), bits.unwrap_or_default());
            }
            Shape::Number => {
                let number = value.as_f64().unwrap_or_default();
                self.write_number(at, 8, number.to_bits());
            }
            Shape::Enum(all) => {
                let name = value.as_str();
                let case = all.cases.iter().position(|(case, _)| Some(*case) == name);
                self.write_number(at, 1, case.unwrap_or_default() as u64);
            }
            Shape::Text => self.write_bytes(at, String::from_json(value).into_bytes()),
            Shape::Json => self.write_bytes(at, capsule_json::text(&value).into_bytes()),
            Shape::Bytes => self.write_bytes(at, json::bytes(value)),
            Shape::List(item) => {
                let items = match value {
                    Value::Array(items) => items,
                    _ => Vec::new(),
                };
                let each = layout(item);
                let address = self.take(each, items.len());
                self.write_pair(at, address, items.len());
                for (index, value) in items.into_iter().enumerate() {
                    self.value(item, value, address + index * each.size);
                }
            }
            Shape::Map(entry) => self.map(entry, json::object(value), at),
            Shape::Option(inner) => {
                if value.is_null() {
                    self.write_number(at, 1, 0);
                } else {
                    self.case(at, layout(inner).align, 1, Some(*inner), value);
                }
            }
            Shape::Change(_) => self.field(shape, Some(value), at),
            Shape::Record(record) => {
                let mut object = json::object(value);
                let mut at = at;
                for field in record.fields {
                    let part = layout(&field.shape);
                    at = aligned(at, part.align);
                    self.field(&field.shape, object.remove(field.json), at);
                    at += part.size;
                }
            }
            Shape::Variant(variant) => {
                let align = layout(shape).align;
                let (name, payload) = if variant.bare {
                    (None, value)
                } else {
                    let (name, payload) = json::case(value);
                    (Some(name), payload)
                };
                let found = variant
                    .cases
                    .iter()
                    .enumerate()
                    .find(|(_, case)| match &name {
                        Some(name) => case.json == name,
                        None => case
                            .shape
                            .as_ref()
                            .is_some_and(|shape| accepts(shape, &payload)),
                    });
                if let Some((index, case)) = found {
                    self.case(at, align, index, case.shape.as_ref(), payload);
                }
            }
        }
    }

    /// A field that may be left out.
    fn field(&mut self, shape: &Shape, value: Option<Value>, at: usize) {
        let Shape::Change(inner) = shape else {
            return self.value(shape, value.unwrap_or_default(), at);
        };
        let align = of_change(inner).align;
        self.write_number(at, 1, u64::from(value.is_some()));
        match value {
            None => {}
            Some(Value::Null) => self.write_number(at + align, 1, 1),
            Some(value) => self.case(at + align, align, 0, Some(*inner), value),
        }
    }

    fn map(&mut self, entry: &Record, object: Map<String, Value>, at: usize) {
        let [key, value] = entry.fields else { return };
        let each = entry.layout;
        let address = self.take(each, object.len());
        self.write_pair(at, address, object.len());
        let behind_key = layout(&key.shape).size;
        for (index, (name, payload)) in object.into_iter().enumerate() {
            let at = address + index * each.size;
            let name = match key.shape {
                Shape::Text | Shape::Enum(_) => Value::String(name),
                _ => json::key(name),
            };
            self.value(&key.shape, name, at);
            let behind = aligned(at + behind_key, layout(&value.shape).align);
            self.field(&value.shape, Some(payload), behind);
        }
    }
}
