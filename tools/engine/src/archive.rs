//! The end of a demo: its journal is archived, when the binary that does it is beside this one.

use pitlane_session::exit::{Exit, tell};
use pitlane_store::read_head;
use std::path::Path;
use std::process::{Command, Stdio};

/// Archives the journal into its own directory, says so on stderr, and gives the exit code of the demo. Without `cold-path`
/// beside this binary there is nothing to do.
pub(crate) fn after_demo(journal: &Path) -> Exit {
    let binary = std::env::current_exe().map(|path| path.with_file_name("cold-path"));
    let Some(binary) = binary.ok().filter(|path| path.is_file()) else { return Exit::Ok };
    let head = match read_head(journal) {
        Ok(head) => head,
        Err(error) => {
            tell(&format!("error: the demo was not archived: {error}"));
            return Exit::Failure;
        }
    };
    let (date, out) = (head.first_session.date, journal.join("archive"));
    let date = format!("{:04}-{:02}-{:02}", date / 10_000, date / 100 % 100, date % 100);
    let mut command = Command::new(binary);
    command.args(["archive", "--json", "--date", &date, "--journal"]).arg(journal).arg("--out").arg(&out);
    // A demo needs no service, whatever the environment names.
    let output =
        command.env_remove("PITLANE_POSTGRES").stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            tell(&format!("error: the demo was not archived, cold-path does not start: {error}"));
            return Exit::Failure;
        }
    };
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let (report, shown) = (&found["reports"][0], out.display());
    match output.status.code() {
        Some(0) => {
            let (rows, files) = (report["rows"].as_u64().unwrap_or(0), report["files"].as_u64().unwrap_or(0));
            tell(&format!(
                "archived: {rows} rows in {files} Parquet files, the same as in the journal: {shown}"
            ));
            Exit::Ok
        }
        Some(4) => {
            tell(&format!("error: the archive is not the same as the journal; {shown}/_report says where"));
            Exit::Divergence
        }
        _ => {
            tell(&format!("error: the demo was not archived, cold-path ended with {}", output.status));
            Exit::Failure
        }
    }
}
