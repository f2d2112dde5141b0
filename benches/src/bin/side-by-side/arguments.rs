//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use switchback_fixtures::{Family, Kind, Side};

/// Measures `switchback verify` beside reladiff and a bare read, in one run, on
/// real servers that it starts and fills.
#[derive(Debug, Clone, Parser)]
#[command(name = "side-by-side")]
pub(crate) struct Arguments {
    /// What to measure
    #[arg(long, value_delimiter = ',', default_values_t = [Pair::Postgres, Pair::Mariadb, Pair::PostgresMariadb, Pair::AllDifferent])]
    pub(crate) pairs: Vec<Pair>,

    /// Rows of the table; by default 5,000,000 between two PostgreSQL and 2,000,000 otherwise
    #[arg(long)]
    pub(crate) rows: Option<u64>,

    /// How often each is measured, in turn
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: u32,

    /// Ranges that switchback reads at once, and reladiff's threads
    #[arg(long, default_value_t = 4)]
    pub(crate) jobs: usize,

    /// Memory of each server for its data, in MiB
    #[arg(long, default_value_t = 3072)]
    pub(crate) cache_mib: u64,

    /// Leave out the other tool, which takes most of the time
    #[arg(long)]
    pub(crate) without_reladiff: bool,

    /// Also measure reladiff where 1,000 rows differ, which takes it minutes
    #[arg(long)]
    pub(crate) reladiff_scattered: bool,

    /// Where the results go; by default `benches/runs`
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,

    /// A word for this machine, for the name of the results' folder
    #[arg(long, default_value = "local")]
    pub(crate) machine: String,

    /// Start and fill the servers, write where they are to FILE, and keep them until standard input ends
    #[arg(long, value_name = "FILE", conflicts_with = "attach")]
    pub(crate) hold: Option<PathBuf>,

    /// Measure on the servers that another process holds
    #[arg(long, value_name = "FILE")]
    pub(crate) attach: Option<PathBuf>,
}

/// Two servers and what is measured on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Pair {
    Postgres,
    Mariadb,
    PostgresMariadb,
    /// Two PostgreSQL, and no row is equal.
    AllDifferent,
}

impl Pair {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::PostgresMariadb => "postgres-mariadb",
            Self::AllDifferent => "all-different",
        }
    }

    pub(crate) fn servers(self) -> [Kind; 2] {
        let kind = |family: Family, side| family.kind(side);
        match self {
            Self::Postgres | Self::AllDifferent => {
                [kind(Family::Postgres, Side::Source), kind(Family::Postgres, Side::Target)]
            }
            Self::Mariadb => [kind(Family::MariaDb, Side::Source), kind(Family::MariaDb, Side::Target)],
            Self::PostgresMariadb => [kind(Family::Postgres, Side::Source), kind(Family::MariaDb, Side::Target)],
        }
    }

    pub(crate) fn rows(self) -> u64 {
        match self {
            Self::Postgres | Self::AllDifferent => 5_000_000,
            Self::Mariadb | Self::PostgresMariadb => 2_000_000,
        }
    }
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
