//! Builds again when the console was built again; the macro alone does not see new files.

fn main() {
    println!("cargo:rerun-if-changed=../../console/dist");
    println!("cargo:rerun-if-changed=build.rs");
}
