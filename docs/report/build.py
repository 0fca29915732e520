"""Makes target/REPORT.pdf of docs/REPORT.md. Run by `make report`, with the Python of its tools.

pandoc turns the Markdown into Typst's markup (filter.lua decides how figures, tables and links come
out), and Typst sets the pages (page.typ says how they look). Only the fonts of the packages are
used, so the pages are the same on every machine.
"""

import datetime
import pathlib
import re
import subprocess
import sys

import font_source_sans_pro
import pypandoc
import typst

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
REPORT = ROOT / "docs" / "REPORT.md"


def version():
    """The version of the programs, with the commit where git knows it."""
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    number = re.search(r'^version = "(.*)"$', manifest, re.MULTILINE).group(1)
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return number
    return f"{number}, commit {commit}"


def main(pdf):
    pages = pypandoc.convert_file(
        str(REPORT),
        "typst",
        format="gfm",
        extra_args=["--wrap=none", f"--lua-filter={FOLDER / 'filter.lua'}"],
    )
    source = pdf.with_suffix(".typ")
    source.parent.mkdir(parents=True, exist_ok=True)
    page = (FOLDER / "page.typ").read_text(encoding="utf-8")
    source.write_text(page + pages, encoding="utf-8")
    fonts = pathlib.Path(font_source_sans_pro.__file__).parent / "files"
    typst.compile(
        str(source),
        output=str(pdf),
        root=str(ROOT),
        font_paths=[str(fonts)],
        ignore_system_fonts=True,
        sys_inputs={"version": version(), "day": datetime.date.today().isoformat()},
    )
    print(f"the report is in {pdf}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
