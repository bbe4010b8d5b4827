//! `cmsim`: the command line.
//!
//! Data goes to stdout, talk to stderr. Each command is a module of [`commands`]; it returns an
//! [`Exit`] whose number is part of the contract with scripts.

mod cli;
mod commands;
mod exit;
mod render;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Arguments, Command};
use crate::exit::Exit;

/// A scan makes and drops millions of small strings, which this allocator does faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Passed };
            // A closed pipe is the reader's decision, not a failure.
            let _ = error.print();
            return exit.into();
        }
    };
    start_diagnostics();
    let outcome = match arguments.command {
        Command::Run(options) => commands::run::run(&options),
        Command::Check(options) => commands::check::run(&options),
        Command::List(options) => commands::list::run(&options),
        Command::Show(options) => commands::show::run(&options),
        Command::Schema => commands::schema::run(),
        Command::Logs(options) => commands::logs::run(&options),
        Command::Sql(options) => commands::sql::run(&options),
        Command::Wmi(options) => commands::wmi::run(&options),
        Command::Err(options) => commands::err::run(&options),
        Command::Guide(options) => commands::guide::run(&options),
        Command::Serve(options) => commands::serve::run(&options),
        Command::Completions { shell } => commands::completions::run(shell),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            render::failure(&failure);
            failure.exit.into()
        }
    }
}

/// Our own diagnostics, silent unless `CMSIM_LOG` asks; the product's logs are data and never go here.
fn start_diagnostics() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("CMSIM_LOG");
    if let Ok(filter) = filter {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
    }
}
