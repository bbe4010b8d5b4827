//! `cmsim serve`: the healthy site's servers on loopback sockets in real time, until Ctrl-C.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use cmsim_sim::{Clock, SimTime, TimeZone};
use cmsim_stage::{NetworkKind, Settings, Stage, site, topology};
use cmsim_wire::profile::Profile;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::ServeOptions;
use crate::exit::{Exit, Failure, Outcome};

/// A URL of the served site: what it is, by its name in the world, and where a program outside finds it.
struct Endpoint {
    what: &'static str,
    inside: String,
    outside: String,
}

pub(crate) fn run(options: &ServeOptions) -> Outcome {
    let profile = Profile::named(&options.profile).ok_or_else(|| {
        let names: Vec<String> = Profile::all().into_iter().map(|profile| profile.name).collect();
        Failure::new(Exit::Usage, format!("there is no profile {}", options.profile))
            .help(format!("the profiles are {}", names.join(" and ")))
    })?;
    if !options.bind.is_loopback() {
        return Err(Failure::new(Exit::Usage, format!("{} is not a loopback address", options.bind))
            .help("the keys of the simulated site are public, so it serves this machine only"));
    }
    if let Some(out) = &options.out {
        fresh_folder(out)?;
    }
    let failed = "cannot start the runtime";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::CouldNotRun, failed).because(error))?;
    runtime.block_on(serve(options, profile))
}

/// Makes the output folder; one that a site was served in before is replaced, anything else is left alone.
fn fresh_folder(out: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::CouldNotRun, format!("cannot make {}", out.display())).because(error);
    let used = out.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if used && !out.join("site.db").is_file() {
        return Err(Failure::new(Exit::Usage, format!("{} holds something else", out.display()))
            .help("name an empty or new folder"));
    }
    if used {
        fs::remove_dir_all(out).map_err(failed)?;
    }
    fs::create_dir_all(out).map_err(failed)
}

#[expect(clippy::disallowed_methods, reason = "a served site lives in the time of the programs that talk to it")]
fn wall_clock() -> Clock {
    let now = SimTime::from(jiff::Timestamp::now());
    Clock::real_time(now, TimeZone::utc(), 1.0)
}

async fn serve(options: &ServeOptions, profile: Profile) -> Outcome {
    let failed = |what: &'static str| move |error| Failure::new(Exit::CouldNotRun, what).because(error);
    let settings = Settings {
        seed: options.seed,
        profile,
        clients: 0,
        workgroup: false,
        network: NetworkKind::Loopback,
        folder: options.out.clone(),
    };
    let stage = Stage::build(&settings, wall_clock()).await.map_err(failed("cannot build the site"))?;
    for (host, port, real) in [
        (topology::SITE_SYSTEM, 80, options.mp_port),
        (topology::SITE_SERVER, 8530, options.wsus_port),
        (topology::SITE_SYSTEM, 8531, options.wsus_tls_port),
    ] {
        stage.network().bind_at(host, port, SocketAddr::new(options.bind, real));
    }
    stage
        .start_servers()
        .map_err(failed("cannot open a port; --mp-port, --wsus-port and --wsus-tls-port choose others"))?;
    for endpoint in endpoints(&stage)? {
        let status = stage
            .get(topology::DOMAIN_CONTROLLER, &endpoint.inside)
            .await
            .map_err(failed("the site does not answer"))?;
        if status != 200 {
            return Err(Failure::new(Exit::CouldNotRun, format!("{} answers {status}", endpoint.outside)));
        }
        anstream::println!("{:34} {}", endpoint.what, endpoint.outside);
    }
    if let Some(ready) = &options.ready_file {
        fs::write(ready, "ready\n").map_err(|error| {
            Failure::new(Exit::CouldNotRun, format!("cannot write {}", ready.display())).because(error)
        })?;
    }
    eprintln!("serving; Ctrl-C ends it");
    wait_for_the_end().await?;
    stage.stop().await;
    if let Some(out) = &options.out {
        stage.export(out).await.map_err(failed("cannot write the output folder"))?;
        eprintln!("logs and databases are in {}", out.display());
    }
    Ok(Exit::Passed)
}

async fn wait_for_the_end() -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::CouldNotRun, "cannot listen for signals").because(error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        biased;
        end = tokio::signal::ctrl_c() => end.map_err(failed),
        _ = terminate.recv() => Ok(()),
    }
}

fn endpoints(stage: &Stage) -> Result<Vec<Endpoint>, Failure> {
    let real = |host: &str, port: u16| {
        stage
            .real_address(host, port)
            .ok_or_else(|| Failure::new(Exit::CouldNotRun, format!("port {port} of {host} did not open")))
    };
    let point = real(topology::SITE_SYSTEM, 80)?;
    let (plain, secure) = (real(topology::SITE_SERVER, 8530)?, real(topology::SITE_SYSTEM, 8531)?);
    let point = (format!("http://{}", topology::fqdn(topology::SITE_SYSTEM)), format!("http://{point}"));
    let plain = (site::HTTP_POINT.to_owned(), format!("http://{plain}"));
    let secure = (site::HTTPS_POINT.to_owned(), format!("https://{secure}"));
    let all = [
        ("management point: list", &point, "/SMS_MP/.sms_aut?MPLIST"),
        ("management point: certificate", &point, "/SMS_MP/.sms_aut?MPCERT"),
        ("WSUS: self-update", &plain, "/SelfUpdate/wuident.cab"),
        ("WSUS: server version", &plain, "/ClientWebService/wusserverversion.xml"),
        ("WSUS: authorization", &plain, "/SimpleAuthWebService/SimpleAuth.asmx"),
        ("WSUS with TLS: server version", &secure, "/ClientWebService/wusserverversion.xml"),
    ];
    let endpoint = |(what, (inside, outside), path): (_, &(String, String), &str)| Endpoint {
        what,
        inside: format!("{inside}{path}"),
        outside: format!("{outside}{path}"),
    };
    Ok(all.into_iter().map(endpoint).collect())
}
