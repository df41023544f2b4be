//! Tells the compiler whether the trained weights are in the checkout, so that a build without them still builds.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tidegate_weights)");
    println!("cargo::rerun-if-changed=weights");
    if std::path::Path::new("weights/tidegate-sql.safetensors").is_file() {
        println!("cargo::rustc-cfg=tidegate_weights");
    }
}
