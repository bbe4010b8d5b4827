//! What Windows Setup leaves on a machine: the registry values and services that others look at.

use cmsim_wire::profile::OperatingSystem;

use crate::host::Host;
use crate::registry::BadPath;
use crate::services::StartType;
use crate::spec::Membership;

const CURRENT_VERSION: &str = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const CONTROL: &str = r"HKLM\SYSTEM\CurrentControlSet\Control";
const TCPIP: &str = r"HKLM\SYSTEM\CurrentControlSet\services\Tcpip\Parameters";

pub(crate) fn install(host: &Host) {
    registry(host).expect("constant paths are paths");
    services(host);
}

fn registry(host: &Host) -> Result<(), BadPath> {
    let registry = host.registry();
    let os = &host.profile().os;
    let [major, minor, build, revision] = os.version;
    registry.set(CURRENT_VERSION, "ProductName", product_name(os))?;
    // Windows 10 and later still say 6.3 here, for programs that cannot count further.
    let shown = if major >= 10 { "6.3".to_owned() } else { format!("{major}.{minor}") };
    registry.set(CURRENT_VERSION, "CurrentVersion", shown)?;
    registry.set(CURRENT_VERSION, "CurrentBuild", build.to_string())?;
    registry.set(CURRENT_VERSION, "CurrentBuildNumber", build.to_string())?;
    if major >= 10 {
        registry.set(CURRENT_VERSION, "CurrentMajorVersionNumber", major)?;
        registry.set(CURRENT_VERSION, "CurrentMinorVersionNumber", minor)?;
        registry.set(CURRENT_VERSION, "UBR", revision)?;
    }
    if os.service_pack[0] > 0 {
        registry.set(CURRENT_VERSION, "CSDVersion", format!("Service Pack {}", os.service_pack[0]))?;
    }
    let installation = if os.product_type == 1 { "Client" } else { "Server" };
    registry.set(CURRENT_VERSION, "InstallationType", installation)?;

    let computer = host.name().to_string();
    registry.set(&format!(r"{CONTROL}\ComputerName\ComputerName"), "ComputerName", computer.clone())?;
    registry.set(TCPIP, "Hostname", computer)?;
    let domain = match host.membership() {
        Membership::Domain { domain, .. } => domain.as_str(),
        Membership::Workgroup(_) => "",
    };
    registry.set(TCPIP, "Domain", domain)?;
    // ActiveTimeBias counts as logs do: UTC = local time + bias, two's complement.
    let bias = host.zone().local(host.clock().now()).bias_minutes;
    registry.set(&format!(r"{CONTROL}\TimeZoneInformation"), "ActiveTimeBias", bias.cast_unsigned())?;
    let arch = if os.x64 { "AMD64" } else { "x86" };
    registry.set(&format!(r"{CONTROL}\Session Manager\Environment"), "PROCESSOR_ARCHITECTURE", arch)
}

/// The caption without the maker's name, as the registry keeps it.
fn product_name(os: &OperatingSystem) -> &str {
    let caption = os.caption.trim();
    caption.strip_prefix("Microsoft ").unwrap_or(caption)
}

fn services(host: &Host) {
    let services = host.services();
    let netsvcs = host.process_id("svchost");
    for (name, display_name, start) in [
        ("wuauserv", "Windows Update", StartType::Automatic),
        ("BITS", "Background Intelligent Transfer Service", StartType::Automatic),
        ("gpsvc", "Group Policy Client", StartType::Automatic),
        ("Winmgmt", "Windows Management Instrumentation", StartType::Automatic),
        ("LanmanServer", "Server", StartType::Automatic),
    ] {
        services.install(name, display_name, start, netsvcs);
    }
    if host.domain().is_some() {
        services.install("Netlogon", "Netlogon", StartType::Automatic, host.process_id("lsass"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test(start_paused = true)]
    async fn the_registry_tells_the_operating_system() {
        let host = testing::host("CLIENT1");
        let text = |name| host.registry().text(CURRENT_VERSION, name).unwrap();
        assert_eq!(text("ProductName"), "Windows 7 Enterprise");
        assert_eq!(text("CurrentVersion"), "6.1");
        assert_eq!(text("CSDVersion"), "Service Pack 1");
        let bias = format!(r"{CONTROL}\TimeZoneInformation");
        assert_eq!(host.registry().dword(&bias, "ActiveTimeBias"), Some(300));
        assert!(host.services().is_running("WUAUSERV"));
    }
}
