//! Writes what each target begins from into `corpus/<target>`.

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for harness in switchback_engines::fuzzing::harnesses() {
        let folder = corpus.join(harness.name);
        fs::create_dir_all(&folder)?;
        for (i, seed) in (harness.seeds)().into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{i}")), seed)?;
        }
    }
    Ok(())
}
