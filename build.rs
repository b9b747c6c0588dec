//! Generates the JSON face of the operations, and the exports, from `wit/`.

fn main() {
    codegen::build("typed", "slim");
}
