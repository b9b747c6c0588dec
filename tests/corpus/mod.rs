//! A corpus of JSON for any shape, and the judges that it is put before: the check and the schema. Used by the tests of the contract
//! and of the generator's fixture; both name the runtime `crate::contract`.

mod json;
mod judges;

pub(crate) use json::{any_json, fitting, lean, nearly_fitting};
pub(crate) use judges::{agree, faults, run, validator};
