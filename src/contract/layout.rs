//! Sizes and alignments of the canonical ABI. Those of records and variants stand in their tables, computed when these are compiled:
//! a list of records asks for them at each row.

use super::shape::{Bounds, Case, Field, Shape};

/// Size and alignment of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// In bytes.
    pub size: usize,
    /// A power of two.
    pub align: usize,
}

/// Of a text or a list: where it lies, and how long it is.
const PAIR: Layout = Layout { size: 8, align: 4 };
/// Of the number of a case: no type here has more than 256.
const CASE: Layout = Layout { size: 1, align: 1 };

/// Size and alignment of a type in memory.
#[must_use]
pub const fn layout(shape: &Shape) -> Layout {
    match shape {
        Shape::Boolean | Shape::Enum(_) => CASE,
        Shape::Integer(Bounds { most, .. }) => {
            let size = width(*most);
            Layout { size, align: size }
        }
        Shape::Number => Layout { size: 8, align: 8 },
        Shape::Text | Shape::Json | Shape::Bytes | Shape::List(_) | Shape::Map(_) => PAIR,
        Shape::Option(inner) => of_payload(layout(inner)),
        Shape::Change(inner) => of_payload(of_change(inner)),
        Shape::Record(record) => record.layout,
        Shape::Variant(variant) => variant.layout,
    }
}

/// Of fields, one behind the other.
pub(super) const fn of_fields(fields: &[Field]) -> Layout {
    let mut whole = Layout { size: 0, align: 1 };
    let mut rest = fields;
    while let [field, others @ ..] = rest {
        let part = layout(&field.shape);
        whole.size = aligned(whole.size, part.align) + part.size;
        whole.align = larger(whole.align, part.align);
        rest = others;
    }
    whole.size = aligned(whole.size, whole.align);
    whole
}

/// Of cases, one of which it is.
pub(super) const fn of_cases(cases: &[Case]) -> Layout {
    let mut payload = Layout { size: 0, align: 1 };
    let mut rest = cases;
    while let [case, others @ ..] = rest {
        payload = either(payload, case.shape.as_ref());
        rest = others;
    }
    of_payload(payload)
}

/// Of what a function gives, or its error.
pub(super) const fn of_result(output: Option<&Shape>, error: &Shape) -> Layout {
    of_payload(either(layout(error), output))
}

/// Of a variant `set(T), clear`.
pub(super) const fn of_change(inner: &Shape) -> Layout {
    of_payload(layout(inner))
}

/// The number of the case, then the payload of any of them.
const fn of_payload(payload: Layout) -> Layout {
    Layout {
        size: aligned(payload.align + payload.size, payload.align),
        align: payload.align,
    }
}

const fn either(one: Layout, other: Option<&Shape>) -> Layout {
    let Some(other) = other else { return one };
    let other = layout(other);
    Layout {
        size: larger(one.size, other.size),
        align: larger(one.align, other.align),
    }
}

const fn larger(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}

pub(super) const fn aligned(at: usize, align: usize) -> usize {
    at.div_ceil(align) * align
}

/// Bytes of a whole number, by the largest that its type holds.
pub(super) const fn width(most: i64) -> usize {
    match most {
        ..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}
