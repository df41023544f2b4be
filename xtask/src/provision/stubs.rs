//! Stand-ins for the CUDA libraries that PyTorch's libraries ask for but a machine without a GPU never calls.
//!
//! The processor half of the published build is linked against a few of CUDA's libraries, hundreds of megabytes
//! for a handful of names. A stand-in of a few kilobytes has those names: a C function answers "no device", a
//! C++ one gives a blank object, so that the library loads and says itself that there is no GPU.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::process;

/// What CUDA's functions return when there is no device; its other parts treat any non-zero value as failure.
const NO_DEVICE: u32 = 100;

/// Library of ours that holds the names no versioned library claims.
const REST: &str = "libtorch_cuda.so";

/// Every shared library in a directory.
pub fn libraries(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("{} cannot be read", dir.display()))? {
        let path = entry?.path();
        if path.is_file()
            && path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains(".so"))
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Makes in `dir` every CUDA library that `libraries` ask for and that is not there.
pub fn complete(dir: &Path, libraries: &[PathBuf]) -> Result<()> {
    let mut asked = BTreeSet::new();
    let mut missing = BTreeSet::new();
    let mut defined = defined_by_runtime()?;
    for library in libraries {
        asked.extend(needed(&process::output(
            Command::new("readelf").arg("-d").arg(library),
        )?));
        missing.extend(undefined(&process::output(
            Command::new("nm")
                .args(["-D", "--undefined-only"])
                .arg(library),
        )?));
        defined.extend(defined_in(library)?);
    }
    let mut absent: BTreeMap<String, BTreeSet<String>> = asked
        .into_iter()
        .filter(|name| is_cuda(name) && !dir.join(name).exists())
        .map(|name| (name, BTreeSet::new()))
        .collect();
    for (name, version) in missing {
        match version {
            Some(version) => {
                if let Some(names) = absent.get_mut(&version) {
                    names.insert(name);
                }
            }
            None if !defined.contains(&name) && !is_python(&name) => {
                if let Some(names) = absent.get_mut(REST) {
                    names.insert(name);
                }
            }
            None => {}
        }
    }
    for (library, names) in absent {
        build(dir, &library, &names).with_context(|| format!("making a stand-in for {library}"))?;
    }
    Ok(())
}

/// Libraries named by `readelf -d`.
fn needed(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned()))
        .collect()
}

/// Strongly undefined names of `nm -D`, each with the version it asks for.
fn undefined(text: &str) -> Vec<(String, Option<String>)> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("U "))
        .map(|name| match name.split_once('@') {
            Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
            None => (name.to_owned(), None),
        })
        .collect()
}

fn is_cuda(library: &str) -> bool {
    ["libcu", "libnv", "libnccl", "libtorch_cuda"]
        .iter()
        .any(|start| library.starts_with(start))
}

/// Names that an extension module finds in the interpreter that loads it.
fn is_python(name: &str) -> bool {
    name.starts_with("Py") || name.starts_with("_Py")
}

/// Names a library defines, without their versions.
fn defined_in(library: &Path) -> Result<BTreeSet<String>> {
    let text = process::output(
        Command::new("nm")
            .args(["-D", "--defined-only"])
            .arg(library),
    )?;
    let last = |line: &str| {
        line.split_whitespace()
            .last()
            .map(|name| name.split('@').next().unwrap_or(name).to_owned())
    };
    Ok(text.lines().filter_map(last).collect())
}

/// Names the C library and the C++ runtime define. Some of the package's libraries ask for them without a version,
/// and a stand-in for `operator new` would be the end of everything.
fn defined_by_runtime() -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for library in [
        "libstdc++.so.6",
        "libgcc_s.so.1",
        "libc.so.6",
        "libm.so.6",
        "libpthread.so.0",
        "libdl.so.2",
        "librt.so.1",
    ] {
        let path = process::output(Command::new("gcc").arg(format!("-print-file-name={library}")))?;
        let path = Path::new(path.trim());
        // A library that is not there is printed as it was asked for.
        if path.is_absolute() {
            names.extend(defined_in(path)?);
        }
    }
    Ok(names)
}

fn build(dir: &Path, library: &str, names: &BTreeSet<String>) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let source = scratch.path().join("stub.c");
    fs::write(&source, code(names))?;
    let mut gcc = Command::new("gcc");
    gcc.args([
        "-shared",
        "-fPIC",
        "-O1",
        "-w",
        &format!("-Wl,-soname,{library}"),
        "-o",
    ])
    .arg(dir.join(library))
    .arg(&source);
    // NVIDIA names the version of a symbol like the library.
    if library.ends_with(|last: char| last.is_ascii_digit()) {
        let map = scratch.path().join("stub.map");
        fs::write(&map, format!("{library} {{ global: *; }};\n"))?;
        gcc.arg(format!("-Wl,--version-script={}", map.display()));
    } else {
        // Type information refers to the C++ runtime.
        gcc.args(["-Wl,--no-as-needed", "-l:libstdc++.so.6"]);
    }
    process::output(&mut gcc).map(drop)
}

/// C source that defines the names.
fn code(names: &BTreeSet<String>) -> String {
    let mut text = String::from(
        "static char blank[65536] __attribute__((aligned(65536)));\n\
         static long nothing(void) { return 0; }\n\
         extern void *_ZTVN10__cxxabiv117__class_type_infoE[];\n\
         static void *kind[2] = {&_ZTVN10__cxxabiv117__class_type_infoE[2], (void *)\"nothing\"};\n\
         static void *table[66] = {[1] = kind, [2 ... 65] = (void *)nothing};\n",
    );
    for name in names {
        let line = if let Some(type_name) = name.strip_prefix("_ZTI") {
            format!(
                "static const char n_{name}[] = \"{type_name}\";\n\
                 void *{name}[2] = {{&_ZTVN10__cxxabiv117__class_type_infoE[2], (void *)n_{name}}};"
            )
        } else if name.starts_with("_ZTV") {
            format!("void *{name}[66] = {{[1] = kind, [2 ... 65] = (void *)nothing}};")
        } else if name.starts_with("_Z") && (name.contains("C1E") || name.contains("C2E")) {
            // A constructor: the object it leaves is asked for its type and must survive its virtual destructor.
            format!("long {name}(void **self) {{ *self = table + 2; return 0; }}")
        } else if name.starts_with("_Z") {
            // May be a reference to write through; aligned so that read as a truth value it is false.
            format!("long {name}(void) {{ return (long)blank; }}")
        } else {
            format!("long {name}(void) {{ return {NO_DEVICE}; }}")
        };
        let _ = writeln!(text, "{line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_needed_libraries_and_versioned_names() {
        let dynamic = " 0x1 (NEEDED)  Shared library: [libcudart.so.13]\n 0xe (SONAME)  Library soname: [libtorch_cpu.so]\n";
        assert_eq!(needed(dynamic), ["libcudart.so.13"]);
        let names = "                 U cudaFree@libcudart.so.13\n                 w weak_one\n                 U plain\n";
        assert_eq!(
            undefined(names),
            [
                ("cudaFree".to_owned(), Some("libcudart.so.13".to_owned())),
                ("plain".to_owned(), None)
            ]
        );
    }

    #[test]
    fn a_library_that_needs_a_stand_in_loads_with_it() {
        let dir = tempfile::tempdir().expect("dir");
        let make = |arguments: &[&str]| {
            process::output(Command::new("gcc").args(arguments).current_dir(dir.path()))
                .expect("compiled");
        };
        // A library linked against a CUDA that is then taken away.
        fs::write(
            dir.path().join("real.c"),
            "int cudaProbe(void) { return 0; }\n",
        )
        .expect("written");
        fs::write(
            dir.path().join("real.map"),
            "libcudart.so.13 { global: *; };\n",
        )
        .expect("written");
        make(&[
            "-shared",
            "-fPIC",
            "-Wl,-soname,libcudart.so.13",
            "-Wl,--version-script=real.map",
            "-o",
            "libcudart.so.13",
            "real.c",
        ]);
        fs::write(
            dir.path().join("user.c"),
            "int cudaProbe(void); int probe(void) { return cudaProbe(); }\n",
        )
        .expect("written");
        make(&[
            "-shared",
            "-fPIC",
            "-o",
            "libuser.so",
            "user.c",
            "-L.",
            "-l:libcudart.so.13",
            "-Wl,-rpath,$ORIGIN",
        ]);
        fs::remove_file(dir.path().join("libcudart.so.13")).expect("removed");
        fs::write(
            dir.path().join("main.c"),
            "int probe(void); int main(void) { return probe() == 100 ? 0 : 1; }\n",
        )
        .expect("written");

        complete(dir.path(), &[dir.path().join("libuser.so")]).expect("completed");

        make(&[
            "-o",
            "main",
            "main.c",
            "-L.",
            "-l:libuser.so",
            "-Wl,-rpath,$ORIGIN",
        ]);
        // Stand-ins of a whole libtorch may stand on that path; here it is this folder's that count.
        process::output(Command::new(dir.path().join("main")).env_remove("LD_LIBRARY_PATH"))
            .expect("loads and answers 'no device'");
    }
}
