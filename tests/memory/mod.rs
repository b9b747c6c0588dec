//! A linear memory that keeps a ledger, and the canonical ABI by other hands: laid out by walking shapes here, sized by `wit-parser`.
//! Used by the tests of the contract and of the generator's fixture; both name the runtime `crate::contract`.

use crate::contract::abi::{Arguments, Memory, Piece, flat_count, lift, lower};
use crate::contract::{Shape, layout};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use wit_parser::abi::{FlatTypes, WasmType};
use wit_parser::{Function, Resolve, SizeAlign, Type, TypeDefKind, WorldItem};

/// Memory that knows who holds what. Address 0 is never given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    bytes: Vec<u8>,
    held: BTreeMap<usize, Piece>,
}

impl Memory for Ledger {
    fn bytes(&self, at: usize, length: usize) -> &[u8] {
        if length == 0 {
            return &[];
        }
        &self.bytes[at..at + length]
    }

    fn bytes_mut(&mut self, at: usize, length: usize) -> &mut [u8] {
        &mut self.bytes[at..at + length]
    }

    fn take(&mut self, at: usize, length: usize) -> Vec<u8> {
        let bytes = self.bytes(at, length).to_vec();
        if length > 0 {
            self.release(
                at,
                Piece {
                    size: length,
                    align: 1,
                },
            );
        }
        bytes
    }

    fn give(&mut self, bytes: Vec<u8>) -> (usize, Option<Piece>) {
        if bytes.is_empty() {
            return (1, None);
        }
        let piece = Piece {
            size: bytes.len(),
            align: 1,
        };
        let at = self.allocate(piece);
        self.bytes_mut(at, bytes.len()).copy_from_slice(&bytes);
        (at, Some(piece))
    }

    fn allocate(&mut self, piece: Piece) -> usize {
        assert!(piece.size > 0, "nothing is asked for");
        let at = self.bytes.len().max(1).next_multiple_of(piece.align);
        // Not zeros: who reads what nobody wrote shall see it.
        self.bytes.resize(at + piece.size, 0xa5);
        self.held.insert(at, piece);
        at
    }

    fn release(&mut self, at: usize, piece: Piece) {
        assert_eq!(self.held.remove(&at), Some(piece), "not held as such");
    }
}

impl Ledger {
    /// Pieces that are held.
    pub(crate) fn taken(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn release_all(&mut self, taken: Vec<(usize, Piece)>) {
        for (at, piece) in taken {
            self.release(at, piece);
        }
    }

    fn word(&self, at: usize) -> usize {
        let mut word = [0; 4];
        word.copy_from_slice(self.bytes(at, 4));
        u32::from_le_bytes(word) as usize
    }

    /// The value in a case of a result, of which nothing is taken away.
    pub(crate) fn result(&self, at: usize, taken: &[(usize, Piece)], shape: &Shape) -> Value {
        let mut copy = self.clone();
        let (_, whole) = taken[0];
        copy.release(at, whole);
        let payload = at + whole.align;
        copy.hold(payload, shape);
        lift(&mut copy, shape, Arguments::Memory(payload)).unwrap()
    }

    fn hold(&mut self, at: usize, shape: &Shape) {
        let layout = layout(shape);
        if layout.size > 0 {
            let piece = Piece {
                size: layout.size,
                align: layout.align,
            };
            self.held.insert(at, piece);
        }
    }

    /// Takes the place of arguments in memory away: they are handed over one by one.
    pub(crate) fn forget(&mut self, at: usize) {
        self.held.remove(&at);
    }

    /// Overwrites the second key of a list of keys and values by the first. Both are ids of eight bytes.
    pub(crate) fn repeat_first_key(&mut self, list: usize) {
        let (at, length) = (self.word(list), self.word(list + 4));
        assert_eq!(length, 2);
        let size = self.held[&at].size / 2;
        self.bytes.copy_within(at..at + 8, at + size);
    }
}

/// A value as an engine would lay it out for a call.
pub(crate) fn laid_out(memory: &mut Ledger, shape: &Shape, value: Value) -> usize {
    let (at, taken) = lower(memory, Some(shape), &Shape::Boolean, Ok(value));
    let (_, whole) = taken[0];
    memory.release(at, whole);
    let payload = at + whole.align;
    memory.hold(payload, shape);
    payload
}

/// Where a field of a record lies, and its shape.
pub(crate) fn field(shape: &Shape, at: usize, wanted: &str) -> usize {
    let Shape::Record(record) = shape else {
        panic!("no record: {shape:?}");
    };
    let mut at = at;
    for field in record.fields {
        let part = layout(&field.shape);
        at = at.next_multiple_of(part.align);
        if field.json == wanted {
            return at;
        }
        at += part.size;
    }
    panic!("no field {wanted}");
}

/// The values of arguments that come one by one, read from where they lie together.
pub(crate) fn flatten(shape: &Shape, memory: &Ledger, at: usize, bits: &mut Vec<u64>) {
    let scalar = |size: usize| {
        let mut all = [0; 8];
        all[..size].copy_from_slice(memory.bytes(at, size));
        u64::from_le_bytes(all)
    };
    match shape {
        Shape::Boolean | Shape::Enum(_) | Shape::Integer(_) | Shape::Number => {
            let size = layout(shape).size;
            let mut value = scalar(size);
            // A small signed number comes as an i32, whose upper bits are its sign.
            if let Shape::Integer(bounds) = shape
                && bounds.least < 0
                && size < 4
            {
                let above = 32 - 8 * size as u32;
                let narrow = (value as u32) << above;
                value = u64::from((narrow.cast_signed() >> above).cast_unsigned());
            }
            bits.push(value);
        }
        Shape::Text | Shape::Json | Shape::Bytes | Shape::List(_) | Shape::Map(_) => {
            bits.extend([memory.word(at) as u64, memory.word(at + 4) as u64]);
        }
        Shape::Option(inner) => case(shape, &[None, Some(*inner)], memory, at, bits),
        Shape::Change(inner) => {
            let align = layout(shape).align;
            let there = u64::from(memory.bytes(at, 1)[0]);
            bits.push(there);
            let until = bits.len() + 1 + flat_count(inner);
            if there == 1 {
                let clear = u64::from(memory.bytes(at + align, 1)[0]);
                bits.push(clear);
                if clear == 0 {
                    flatten(inner, memory, at + 2 * align, bits);
                }
            }
            bits.resize(until, 0);
        }
        Shape::Record(record) => {
            for one in record.fields {
                flatten(&one.shape, memory, field(shape, at, one.json), bits);
            }
        }
        Shape::Variant(variant) => {
            let cases: Vec<_> = variant
                .cases
                .iter()
                .map(|case| case.shape.as_ref())
                .collect();
            case(shape, &cases, memory, at, bits);
        }
    }
}

fn case(shape: &Shape, cases: &[Option<&Shape>], memory: &Ledger, at: usize, bits: &mut Vec<u64>) {
    let until = bits.len() + flat_count(shape);
    let number = memory.bytes(at, 1)[0];
    bits.push(number.into());
    if let Some(payload) = cases[usize::from(number)] {
        flatten(payload, memory, at + layout(shape).align, bits);
    }
    bits.resize(until, 0);
}

/// Holds sizes, alignments and the number of arguments against `wit-parser`, for every operation of a world.
pub(crate) fn held_against_wit_parser(
    wit: &Path,
    world: &str,
    operations: &[(&str, &Shape, Option<&Shape>)],
    error: &Shape,
) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut sizes = SizeAlign::default();
    sizes.fill(&resolve).unwrap();
    let mut seen = 0;
    for item in resolve.worlds[world].exports.values() {
        let WorldItem::Interface { id, .. } = item else {
            continue;
        };
        let interface = &resolve.interfaces[*id];
        for function in interface.functions.values() {
            let id = format!("{}.{}", interface.name.as_deref().unwrap(), function.name);
            let Some((_, input, output)) = operations.iter().find(|(known, ..)| *known == id)
            else {
                continue;
            };
            seen += 1;
            let types: Vec<&Type> = function.params.iter().map(|param| &param.ty).collect();
            let whole = sizes.params(types.iter().copied());
            let ours = layout(input);
            assert_eq!(
                (ours.size, ours.align),
                (whole.size.size_wasm32(), whole.align.align_wasm32()),
                "arguments of {id}"
            );
            let mut storage = vec![WasmType::I32; 10_000];
            let mut flat = FlatTypes::new(&mut storage);
            assert!(types.iter().all(|ty| resolve.push_flat(ty, &mut flat)));
            assert_eq!(flat_count(input), flat.to_vec().len(), "arguments of {id}");
            let (_, taken) = lower(&mut Ledger::default(), *output, error, Err(Value::Null));
            let result = function.result.unwrap();
            assert_eq!(
                (taken[0].1.size, taken[0].1.align),
                (
                    sizes.size(&result).size_wasm32(),
                    sizes.align(&result).align_wasm32()
                ),
                "whole result of {id}"
            );
            for (shape, ty) in [
                (*output, ok(&resolve, function)),
                (Some(error), err(&resolve, function)),
            ] {
                match (shape, ty) {
                    (None, None) => {}
                    (Some(shape), Some(ty)) => {
                        let ours = layout(shape);
                        assert_eq!(
                            (ours.size, ours.align),
                            (
                                sizes.size(&ty).size_wasm32(),
                                sizes.align(&ty).align_wasm32()
                            ),
                            "result of {id}"
                        );
                    }
                    other => panic!("{id}: {other:?}"),
                }
            }
        }
    }
    assert_eq!(seen, operations.len());
}

fn ok(resolve: &Resolve, function: &Function) -> Option<Type> {
    result(resolve, function).ok
}

fn err(resolve: &Resolve, function: &Function) -> Option<Type> {
    result(resolve, function).err
}

fn result(resolve: &Resolve, function: &Function) -> wit_parser::Result_ {
    match function.result {
        Some(Type::Id(id)) => match &resolve.types[id].kind {
            TypeDefKind::Result(result) => result.clone(),
            other => panic!("no result: {other:?}"),
        },
        other => panic!("no result: {other:?}"),
    }
}
