//! Libraries that are loaded when they are first called, not when the program starts.
//!
//! A program linked against libtorch runs its static initialisers before `main`, a third of a second that a server
//! which answers at once has no use for. So the program is linked against an archive of stubs instead: each jumps
//! through a table whose entry first leads to the binder, which opens the library and puts the function there. It
//! is what the dynamic linker's lazy binding does, one level up. Only x86-64 on Linux has the stubs; elsewhere the
//! library is linked as its crate links it.
//!
//! No crate was used: dlopen wrappers (`libloading`, `dlopen2`) want every function spelled in Rust, and the callers
//! here are other crates, which declare theirs as linked.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::process;

pub mod duckdb;
pub mod torch;

const BINDER: &str = include_str!("bind.c");
const LOCALS: &str = include_str!("locals.c");
const ENTRY: &str = include_str!("bind.S");

/// Changes whenever what is made here changes.
const FORM: u32 = 2;

/// Whether stubs can be made for this machine.
pub fn is_supported() -> bool {
    cfg!(all(
        target_arch = "x86_64",
        target_os = "linux",
        target_env = "gnu"
    ))
}

/// A shared library and what crosses its border.
pub struct Library {
    /// The name a linker knows it by: `tch` for `libtch.a`.
    pub name: &'static str,
    /// The file to open, found by the program's run path.
    pub file: &'static str,
    /// C functions it has.
    pub functions: Vec<String>,
    /// C functions it calls that the program has.
    pub callbacks: Vec<String>,
    /// Whether the program's other threads must not wait while it is loaded; for one library of a program only.
    pub quiet: bool,
}

impl Library {
    fn fill(&self, template: &str) -> String {
        template
            .replace("@NAME@", self.name)
            .replace("@FILE@", self.file)
            .replace("@QUIET@", if self.quiet { "1" } else { "0" })
            .replace("@COUNT@", &self.functions.len().to_string())
    }

    /// The stubs, the table they jump through, the functions' names, and the callbacks' addresses.
    fn stubs(&self) -> String {
        let name = self.name;
        let mut text = String::from(".text\n");
        for (i, function) in self.functions.iter().enumerate() {
            _ = writeln!(
                text,
                ".globl {function}\n.type {function}, @function\n{function}:\n  jmp *tidegate_{name}_table+{}(%rip)\n\
                 .Lfirst_{i}:\n  pushq ${i}\n  jmp tidegate_{name}_bind",
                8 * i
            );
        }
        text.push_str(&self.fill(ENTRY));
        _ = writeln!(
            text,
            ".section .data.rel.local, \"aw\"\n.balign 8\n.globl tidegate_{name}_table\ntidegate_{name}_table:"
        );
        for i in 0..self.functions.len() {
            _ = writeln!(text, "  .quad .Lfirst_{i}");
        }
        _ = writeln!(
            text,
            ".section .data.rel, \"aw\"\n.balign 8\n.globl tidegate_{name}_callbacks\ntidegate_{name}_callbacks:"
        );
        for callback in &self.callbacks {
            _ = writeln!(text, "  .quad {callback}");
        }
        _ = writeln!(
            text,
            "  .quad 0\n.section .rodata\n.globl tidegate_{name}_names\ntidegate_{name}_names:"
        );
        for function in &self.functions {
            _ = writeln!(text, "  .asciz \"{function}\"");
        }
        text.push_str(NO_EXECUTABLE_STACK);
        text
    }

    /// Writes `lib<name>.a` into `dir`.
    pub fn archive(&self, dir: &Path) -> Result<()> {
        fs::write(dir.join("stubs.S"), self.stubs())?;
        fs::write(dir.join("bind.c"), self.fill(BINDER))?;
        if self.quiet {
            fs::write(dir.join("locals.c"), self.fill(LOCALS))?;
        }
        let mut gcc = Command::new("gcc");
        gcc.args(["-c", "-O2", "-fPIC", "stubs.S", "bind.c"]);
        gcc.args(self.quiet.then_some("locals.c"));
        process::output(gcc.current_dir(dir)).context("compiling the stubs")?;
        let archive = format!("lib{}.a", self.name);
        let mut ar = Command::new("ar");
        ar.args(["rcs", &archive, "stubs.o", "bind.o"]);
        ar.args(self.quiet.then_some("locals.o"));
        process::output(ar.current_dir(dir)).context("archiving the stubs")?;
        Ok(())
    }

    /// The library's own side of the callbacks: functions of those names that go on to the program's, once it has
    /// said where they are.
    pub fn callback_source(&self) -> String {
        let name = self.name;
        let mut text = String::from(".text\n");
        for (i, callback) in self.callbacks.iter().enumerate() {
            _ = writeln!(
                text,
                ".globl {callback}\n.type {callback}, @function\n{callback}:\n  movq given(%rip), %rax\n  jmp *{}(%rax)",
                8 * i
            );
        }
        _ = writeln!(
            text,
            ".globl tidegate_{name}_take_callbacks\n.type tidegate_{name}_take_callbacks, @function\n\
             tidegate_{name}_take_callbacks:\n  movq %rdi, given(%rip)\n  ret\n.bss\n.balign 8\ngiven:\n  .zero 8"
        );
        text.push_str(NO_EXECUTABLE_STACK);
        text
    }
}

/// Without it the linker makes the whole program's stack executable.
const NO_EXECUTABLE_STACK: &str = ".section .note.GNU-stack, \"\", @progbits\n";

/// C functions that a library defines.
pub fn functions_of(library: &Path) -> Result<Vec<String>> {
    let text = process::output(
        Command::new("nm")
            .args(["-D", "--defined-only"])
            .arg(library),
    )?;
    let mut names: Vec<String> = text
        .lines()
        .filter_map(function)
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The name in one line of `nm` if it is a C function's.
fn function(line: &str) -> Option<&str> {
    let (_, name) = line.split_once(" T ")?;
    let name = name.split('@').next()?.trim();
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (plain && !name.starts_with('_')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_c_functions_only() {
        assert_eq!(function("0000000000001139 T at_add"), Some("at_add"));
        assert_eq!(function("0000000000001139 T at_add@@V1"), Some("at_add"));
        for other in [
            "0000000000001139 T _ZN2at3addEv",
            "0000000000001139 T _init",
            "0000000000004010 D table",
            "                 U at_add",
        ] {
            assert_eq!(function(other), None, "{other}");
        }
    }

    /// A library with every kind of argument, called through its stubs by a program that has a callback.
    #[test]
    fn stubs_pass_arguments_on_and_callbacks_back() {
        if !is_supported() {
            return;
        }
        let dir = tempfile::tempdir().expect("dir");
        let library = Library {
            name: "probe",
            file: "libprobe.so",
            functions: vec!["probe_mix".to_owned(), "probe_back".to_owned()],
            callbacks: vec!["probe_callback".to_owned()],
            quiet: true,
        };
        let write =
            |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
        let gcc = |arguments: &[&str]| {
            process::output(Command::new("gcc").args(arguments).current_dir(dir.path()))
                .expect("compiled")
        };
        write(
            "probe.c",
            "int probe_callback(int);\n\
             double probe_mix(int a, double b, long c, float d, int e, int f, int g, int h, double i)\n\
             { return a + b + c + d + e + f + g + h + i; }\n\
             int probe_back(int x) { return probe_callback(x) + 1; }\n",
        );
        write("callbacks.S", &library.callback_source());
        write(
            "main.c",
            "#include <pthread.h>\n#include <stdio.h>\n\
             double probe_mix(int, double, long, float, int, int, int, int, double);\n\
             int probe_back(int); const char *tidegate_probe_load(void);\n\
             int probe_callback(int x) { return 10 * x; }\n\
             int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);\n\
             void bye(void *x) { printf(\"bye %s \", (char *)x); }\n\
             void *thread(void *x) { __cxa_thread_atexit_impl(bye, \"first\", 0);\n\
             __cxa_thread_atexit_impl(bye, x, 0); return 0; }\n\
             int main(void) { for (int i = 0; i < 2; i++)\n\
             printf(\"%.2f %d \", probe_mix(1, 2.5, 3, 4.5f, 5, 6, 7, 8, 9.25), probe_back(4 + i));\n\
             pthread_t t; pthread_create(&t, 0, thread, \"second\"); pthread_join(t, 0);\n\
             puts(tidegate_probe_load() ? \"missing\" : \"loaded\"); return 0; }\n",
        );
        gcc(&[
            "-shared",
            "-fPIC",
            "-o",
            "libprobe.so",
            "probe.c",
            "callbacks.S",
        ]);
        library.archive(dir.path()).expect("stubs");
        gcc(&[
            "-o",
            "main",
            "main.c",
            "libprobe.a",
            "-ldl",
            "-lpthread",
            "-Wl,-rpath,$ORIGIN",
        ]);
        let run = || process::output(&mut Command::new(dir.path().join("main")));
        assert_eq!(
            run().expect("ran").trim(),
            "46.25 41 46.25 51 bye second bye first loaded"
        );
        fs::remove_file(dir.path().join("libprobe.so")).expect("removed");
        let fault = run().expect_err("nothing to call").to_string();
        assert!(fault.contains("libprobe.so"), "{fault}");
    }
}
