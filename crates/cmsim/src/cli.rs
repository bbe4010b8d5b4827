//! The words of the command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Simulates a Configuration Manager software-updates stack: site database, management point, WSUS behind IIS,
/// and client agents that exchange the real XML and write the real logs.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all passed, 1 usage, 2 a scenario file is invalid, 3 could not run, \
4 an expectation failed, 5 not deterministic (--twice), 6 nothing selected.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios in virtual time and judge them
    #[command(
        after_help = "Examples:\n  cmsim run scenarios/guide/healthy-scan.toml\n  cmsim run scenarios/ --jobs 2 --out out\n  cmsim run scenarios/ --filter guide --twice"
    )]
    Run(RunOptions),
    /// Check scenario files without running them
    #[command(after_help = "Examples:\n  cmsim check scenarios/\n  cmsim check my.toml && cmsim run my.toml")]
    Check(PathOptions),
    /// List scenarios with their titles
    List(ListOptions),
    /// Show what a scenario is about
    Show(ShowOptions),
    /// Print the JSON Schema of scenario files, for editors
    Schema,
    /// Print the logs of a finished run, merged by time
    #[command(
        after_help = "Examples:\n  cmsim logs out/healthy-scan --host CLIENT1 --log WUAHandler.log\n  cmsim logs out/healthy-scan --contains 0x8024 --severity warning"
    )]
    Logs(LogOptions),
    /// Query a database of a finished run
    #[command(after_help = "Example:\n  cmsim sql out/healthy-scan 'select * from WSUSServerLocations'")]
    Sql(SqlOptions),
    /// Query the WMI repository of a machine of a finished run
    #[command(
        after_help = "Example:\n  cmsim wmi out/healthy-scan --namespace 'root\\ccm\\SoftwareUpdates\\UpdatesStore' \"select UniqueId, Status from CCM_UpdateStatus where Status = 'Missing'\""
    )]
    Wmi(WmiOptions),
    /// Explain a result code
    #[command(
        after_help = "Examples:\n  cmsim err 0x8024401F\n  cmsim err -2145107937\n  cmsim err 2149859359",
        allow_negative_numbers = true
    )]
    Err(ErrOptions),
    /// Judge a log tree by the troubleshooting guide
    #[command(after_help = "Example:\n  cmsim guide out/healthy-scan/hosts")]
    Guide(GuideOptions),
    /// Serve the healthy site's management point and WSUS on loopback sockets in real time
    #[command(
        after_help = "Example:\n  cmsim serve --out served --ready-file ready &\n  curl -o wuident.cab http://127.0.0.1:8530/SelfUpdate/wuident.cab"
    )]
    Serve(ServeOptions),
    /// Print a shell completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// Scenario files, or folders of them
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Where each scenario's output folder is made
    #[arg(long, default_value = "out", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Seed that replaces the scenarios' own
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Scenarios that run at the same time; the processors' number if left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// The network between the machines
    #[arg(long, value_enum, default_value_t = Transport::Memory)]
    pub(crate) transport: Transport,
    /// Run each scenario twice and fail if a promised byte differs
    #[arg(long)]
    pub(crate) twice: bool,
    /// Only scenarios whose id or path contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// In memory, in virtual time
    Memory,
    /// Loopback sockets, with the product's waits scaled down
    Tcp,
}

#[derive(Debug, Args)]
pub(crate) struct PathOptions {
    /// Scenario files, or folders of them
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Scenario files, or folders of them
    #[arg(default_value = "scenarios")]
    pub(crate) paths: Vec<PathBuf>,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowOptions {
    /// Id of the scenario, or its file
    pub(crate) scenario: String,
    /// Where ids are looked up
    #[arg(long, default_value = "scenarios", value_name = "DIR")]
    pub(crate) scenarios: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct LogOptions {
    /// Output folder of a run, or any folder with logs
    pub(crate) out: PathBuf,
    /// Only this machine
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Only logs of this file name; may be repeated
    #[arg(long = "log", value_name = "NAME")]
    pub(crate) logs: Vec<String>,
    /// Only records that contain this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) contains: Option<String>,
    /// Only records at least that severe
    #[arg(long, value_enum)]
    pub(crate) severity: Option<AtLeast>,
    /// JSON lines instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AtLeast {
    Info,
    Warning,
    Error,
}

#[derive(Debug, Args)]
pub(crate) struct SqlOptions {
    /// Output folder of a run
    pub(crate) out: PathBuf,
    /// The query
    pub(crate) query: String,
    /// Database file in that folder
    #[arg(long, default_value = "site.db", value_name = "FILE")]
    pub(crate) database: PathBuf,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WmiOptions {
    /// Output folder of a run
    pub(crate) out: PathBuf,
    /// The query
    pub(crate) query: String,
    /// The machine; the first client if left out
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// WMI namespace
    #[arg(long, default_value = "root\\ccm\\SoftwareUpdates\\UpdatesStore")]
    pub(crate) namespace: String,
}

#[derive(Debug, Args)]
pub(crate) struct ErrOptions {
    /// The code: hexadecimal, decimal or signed decimal
    pub(crate) code: String,
    /// JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GuideOptions {
    /// Folder with one folder per machine, or a bare log folder
    pub(crate) dir: PathBuf,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// Loopback address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) bind: IpAddr,
    /// Port of the management point; 0 takes any free one
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    pub(crate) mp_port: u16,
    /// HTTP port of WSUS; 0 takes any free one
    #[arg(long, default_value_t = 8530, value_name = "PORT")]
    pub(crate) wsus_port: u16,
    /// HTTPS port of WSUS; 0 takes any free one
    #[arg(long, default_value_t = 8531, value_name = "PORT")]
    pub(crate) wsus_tls_port: u16,
    /// Product versions of the site and its clients
    #[arg(long, default_value = "windows-7")]
    pub(crate) profile: String,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where logs and databases are written, as they grow
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// File that is written when all endpoints answer
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}
