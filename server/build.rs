//! Embeds GraphiQL's files when they have been provisioned, and tells the linker where libtorch is.

use std::{env, fmt::Write as _, fs, path::PathBuf};

/// Files looked for in the folder that `TIDEGATE_GRAPHIQL_DIR` names.
const GRAPHIQL: [&str; 4] = [
    "graphiql.min.js",
    "graphiql.min.css",
    "react.production.min.js",
    "react-dom.production.min.js",
];

fn main() {
    embed_graphiql();
    find_duckdb();
    // torch-sys says where it found libtorch; with an rpath the binary runs without LD_LIBRARY_PATH.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    if let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.to_string_lossy());
    }
    // Stubs stand in for libtorch until its first call; their library lies beside them.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LAZY");
    println!("cargo:rustc-check-cfg=cfg(lazy_libtorch)");
    if let Some(dir) = env::var_os("DEP_TCH_LAZY") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", dir.to_string_lossy());
        println!("cargo:rustc-cfg=lazy_libtorch");
    }
}

/// DuckDB's library is found by the run path, and loaded when it is first called where it is linked by stubs.
fn find_duckdb() {
    println!("cargo:rerun-if-env-changed=TIDEGATE_DUCKDB_LIB");
    println!("cargo:rerun-if-env-changed=DUCKDB_STATIC");
    println!("cargo:rustc-check-cfg=cfg(lazy_duckdb)");
    if env::var_os("CARGO_FEATURE_DUCKDB").is_none() {
        return;
    }
    if let Some(lib) = env::var_os("TIDEGATE_DUCKDB_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.to_string_lossy());
        if env::var_os("DUCKDB_STATIC").is_some() {
            println!("cargo:rustc-cfg=lazy_duckdb");
        }
    }
}

fn embed_graphiql() {
    println!("cargo:rerun-if-env-changed=TIDEGATE_GRAPHIQL_DIR");
    let mut code = String::from("pub(super) static FILES: &[(&str, &[u8])] = &[\n");
    if let Some(dir) = env::var_os("TIDEGATE_GRAPHIQL_DIR").map(PathBuf::from)
        && GRAPHIQL.iter().all(|file| dir.join(file).is_file())
    {
        for file in GRAPHIQL {
            let path = dir.join(file);
            println!("cargo:rerun-if-changed={}", path.display());
            let _ = writeln!(
                code,
                "    ({file:?}, include_bytes!({:?})),",
                path.display().to_string()
            );
        }
    }
    code.push_str("];\n");
    let out =
        PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("graphiql.rs");
    fs::write(out, code).expect("OUT_DIR can be written");
}
