//! Which exit code an error of the libraries has.

use pitlane_journal::JournalError;
use pitlane_parquet::ArchiveError;
use pitlane_rows::StepsError;
use pitlane_session::exit::{Exit, Refusal, data};
use pitlane_store::StoreError;

/// An error of the archive with the exit code of its kind.
pub fn archive(error: ArchiveError) -> anyhow::Error {
    let exit = match error {
        ArchiveError::Io { .. } => Exit::Failure,
        ArchiveError::Options { .. } => Exit::Usage,
        ArchiveError::File { .. }
        | ArchiveError::Manifest { .. }
        | ArchiveError::Schema { .. }
        | ArchiveError::Held { .. } => Exit::Data,
    };
    Refusal { exit, message: error.to_string() }.into()
}

/// An error of reading a journal's streams.
pub fn steps(error: StepsError<StoreError>) -> anyhow::Error {
    match error {
        StepsError::Read(error) => error.into(),
        StepsError::Projection(error) => data(format!("the journal cannot be archived: {error}")),
    }
}

/// A file that cannot be written or read: the disk, not the data.
pub fn disk(doing: &str, path: &std::path::Path, error: &std::io::Error) -> anyhow::Error {
    let message = format!(
        "cannot {doing} {}: {error}; check the disk's space and the permissions, then do it again: nothing is lost",
        path.display()
    );
    Refusal { exit: Exit::Failure, message }.into()
}

/// Whether a journal is not there yet, or its writer has not come to its first session.
pub fn is_not_begun(error: &anyhow::Error) -> bool {
    let of_journal = |error: &JournalError| matches!(error, JournalError::NoStream { .. });
    error.chain().any(|cause| {
        cause.downcast_ref::<JournalError>().is_some_and(of_journal)
            || cause.downcast_ref::<StoreError>().is_some_and(|error| match error {
                StoreError::NotBegun { .. } => true,
                StoreError::Journal(error) => of_journal(error),
                _ => false,
            })
    })
}
