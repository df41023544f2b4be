"""Makes the CUDA libraries that the published PyTorch wheel links against, as stubs without CUDA.

The wheel on the Python registry is a CUDA build: it does not import unless about 2 GB of CUDA libraries are
installed, although nothing of them is needed to compute on the CPU. This script asks the wheel's own libraries
which symbols they want from which library, and builds stand-ins whose every function says "no device".

    python cuda_stubs.py [SITE_PACKAGES]

needs gcc and readelf, takes a few seconds and writes SITE_PACKAGES/nvidia/cu13/lib (where the wheel looks).
Libraries that are really there are left alone.
"""

import collections
import pathlib
import re
import subprocess
import sys
import sysconfig

# What cudaGetDeviceCount answers on a machine without a device.
NO_DEVICE = 100
# Symbols without a version, by prefix; the wheel says only which libraries it wants, not which has them.
PREFIXES = [
    ("cudnn", "libcudnn.so"),
    ("nccl", "libnccl.so"),
    ("cuFile", "libcufile.so"),
    ("cusparseLt", "libcusparseLt.so"),
    ("cusparse", "libcusparse.so"),
    ("cublasLt", "libcublasLt.so"),
    ("cublas", "libcublas.so"),
    ("cufft", "libcufft.so"),
    ("curand", "libcurand.so"),
    ("cusolver", "libcusolver.so"),
    ("nvrtc", "libnvrtc.so"),
    ("nvshmem", "libnvshmem_host.so"),
    ("cupti", "libcupti.so"),
    ("cuda", "libcudart.so"),
    ("__cuda", "libcudart.so"),
]
WANTED = re.compile(r"lib(cu|nccl|nvrtc|nvJitLink|nvshmem)[A-Za-z_]*\.so")
TEXTS = re.compile(r"(ErrorString|ErrorName|StatusString|StatusName|GetLastErrorMessage|_status_get_error)$")


def readelf(option: str, path: pathlib.Path) -> str:
    return subprocess.run(
        ["readelf", "-W", option, str(path)], check=True, capture_output=True, text=True
    ).stdout


def wanted(path: pathlib.Path):
    """The CUDA libraries a library needs, and the (symbol, version, library) it takes from them."""
    needed = [n for n in re.findall(r"\(NEEDED\).*\[(.+?)\]", readelf("-d", path)) if WANTED.match(n)]
    owner = {}
    for file, names in re.findall(r"File: (\S+)\s+Cnt: \d+\n((?:\s+0x\w+:\s+Name: .*\n)+)", readelf("-V", path)):
        for name in re.findall(r"Name: (\S+)", names):
            if WANTED.match(file):
                owner[name] = file
    symbols = []
    for line in readelf("--dyn-syms", path).splitlines():
        parts = line.split()
        if len(parts) < 8 or parts[6] != "UND":
            continue
        name, _, version = parts[7].partition("@")
        version = version.lstrip("@")
        if version in owner:
            symbols.append((name, version, owner[version]))
        elif not version:
            for prefix, library in PREFIXES:
                file = next((n for n in needed if n.startswith(library)), None)
                if name.startswith(prefix) and file:
                    symbols.append((name, None, file))
                    break
    return needed, symbols


def build(folder: pathlib.Path, library: str, symbols: dict) -> None:
    source, script = folder / "stub.c", folder / "stub.map"
    lines = ['static const char *const text = "this build of CUDA is a stub: compute on the CPU";']
    versions = collections.defaultdict(list)
    for name, version in sorted(symbols.items()):
        answer = ("const char *", "text") if TEXTS.search(name) else ("long", str(NO_DEVICE))
        lines.append(f"{answer[0]} {name}(void) {{ return {answer[1]}; }}")
        if version:
            versions[version].append(name)
    source.write_text("\n".join(lines) + "\n")
    script.write_text("".join(f"{v} {{ global: {'; '.join(n)}; }};\n" for v, n in sorted(versions.items())))
    command = ["gcc", "-shared", "-fPIC", "-O1", "-w", "-fno-builtin", f"-Wl,-soname,{library}", str(source)]
    command += ["-o", str(folder / library)]
    if versions:
        command.append(f"-Wl,--version-script={script}")
    subprocess.run(command, check=True)
    source.unlink()
    script.unlink()


def main() -> None:
    site = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_paths()["purelib"])
    libraries = sorted((site / "torch" / "lib").glob("lib*.so"))
    if not libraries:
        sys.exit(f"{site} has no torch/lib; install the torch wheel first (pip install --no-deps)")
    present = {p.name for p in (site / "nvidia").glob("*/lib/*")} if (site / "nvidia").is_dir() else set()
    # The driver library is only opened when there is a device.
    present.add("libcuda.so.1")
    found = collections.defaultdict(dict)
    for path in libraries:
        needed, symbols = wanted(path)
        for library in needed:
            found[library]
        for name, version, library in symbols:
            if version or name not in found[library]:
                found[library][name] = version
    folder = site / "nvidia" / "cu13" / "lib"
    folder.mkdir(parents=True, exist_ok=True)
    for library, symbols in sorted(found.items()):
        if library not in present:
            build(folder, library, symbols)
            print(f"{library}: {len(symbols)} symbols")


if __name__ == "__main__":
    main()
