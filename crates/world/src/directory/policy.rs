//! Which Group Policy objects apply to a computer, and what comes out of them.
//!
//! The rules are the documented ones: site, domain, organizational units from the top; within a container the lowest
//! link order last; later settings win; a unit may block what lies above; enforced links cannot be blocked and win, the
//! one highest up last.

use uuid::Uuid;

use super::{Container, Forest, LinkState};
use crate::RegistryValue;

/// A Group Policy object that applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedObject {
    /// Id of the object.
    pub id: Uuid,
    /// Name of the object.
    pub name: String,
    /// Where the link is that makes it apply.
    pub container: Container,
    /// Whether that link is enforced.
    pub enforced: bool,
}

/// A setting of one of the applied objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// Key below `HKEY_LOCAL_MACHINE`.
    pub key: String,
    /// Value name.
    pub name: String,
    /// Value.
    pub value: RegistryValue,
    /// Name of the object it comes from.
    pub object: String,
}

/// What Group Policy gives one computer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectivePolicy {
    /// The objects in the order in which they are applied; later ones win.
    pub applied: Vec<AppliedObject>,
    /// All their settings in the same order, also those that a later one overrides.
    pub settings: Vec<EffectiveSetting>,
}

impl EffectivePolicy {
    /// The setting that wins for a value.
    #[must_use]
    pub fn winner(&self, key: &str, name: &str) -> Option<&EffectiveSetting> {
        let matches = |setting: &&EffectiveSetting| {
            setting.key.eq_ignore_ascii_case(key) && setting.name.eq_ignore_ascii_case(name)
        };
        self.settings.iter().rev().find(matches)
    }
}

pub(super) fn effective(forest: &Forest, domain: &str, unit: &str, site: Option<&str>) -> EffectivePolicy {
    let containers = containers(domain, unit, site);
    // Links above the lowest blocking unit count only if they are enforced.
    let is_blocking = |container: &Container| match container.folded() {
        Container::Unit(name) => forest.blocking.get(&name).is_some_and(|cell| *cell.get()),
        _ => false,
    };
    let first_open = containers.iter().rposition(is_blocking).unwrap_or(0);

    let mut ordinary = Vec::new();
    let mut enforced = Vec::new();
    for (depth, container) in containers.iter().enumerate() {
        let links = forest.links.get(&container.folded());
        let mut of_container = Vec::new();
        for link in links.into_iter().flatten().rev() {
            match *link.state.get() {
                Some(LinkState { enabled: true, enforced: true }) => of_container.push((container, &link.object)),
                Some(LinkState { enabled: true, enforced: false }) if depth >= first_open => {
                    ordinary.push((container, &link.object));
                }
                _ => {}
            }
        }
        // The highest container comes last among the enforced ones.
        of_container.extend(std::mem::take(&mut enforced));
        enforced = of_container;
    }

    let mut policy = EffectivePolicy::default();
    let all = ordinary.into_iter().map(|link| (link, false)).chain(enforced.into_iter().map(|link| (link, true)));
    for ((container, object), enforced) in all {
        let Some(object) = forest.objects.get(object) else {
            continue;
        };
        policy.applied.push(AppliedObject {
            id: object.id,
            name: object.name.clone(),
            container: container.clone(),
            enforced,
        });
        let settings = object.settings.values().filter_map(|setting| {
            Some(EffectiveSetting {
                key: setting.key.clone(),
                name: setting.name.clone(),
                value: setting.value.get().clone()?,
                object: object.name.clone(),
            })
        });
        policy.settings.extend(settings);
    }
    policy
}

/// Site, domain, then the units on the way down to `unit`.
fn containers(domain: &str, unit: &str, site: Option<&str>) -> Vec<Container> {
    let mut containers: Vec<_> = site.map(|site| Container::Site(site.to_owned())).into_iter().collect();
    containers.push(Container::Domain(domain.to_owned()));
    let mut units = Vec::new();
    let mut rest = unit;
    while rest.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("OU=")) {
        units.push(Container::Unit(rest.to_owned()));
        let Some((_, parent)) = rest.split_once(',') else {
            break;
        };
        rest = parent;
    }
    containers.extend(units.into_iter().rev());
    containers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Directory, Interface, Mark};

    const KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
    const UNIT: &str = "OU=Laptops,OU=Workstations,DC=CONTOSO,DC=COM";
    const PARENT: &str = "OU=Workstations,DC=CONTOSO,DC=COM";

    /// A directory with an object for each container, each setting WUServer to its own name.
    fn directory() -> Directory {
        let directory = Directory::new("CONTOSO.COM");
        for (number, (name, container)) in containers_by_name().into_iter().enumerate() {
            directory.add_policy_object(name, Uuid::from_u128(number as u128));
            directory.set_policy(name, KEY, "WUServer", Some(name.into())).unwrap();
            directory.link(name, &container, LinkState::default()).unwrap();
        }
        directory
    }

    fn containers_by_name() -> [(&'static str, Container); 4] {
        [
            ("site", Container::Site("CM12-R2-PS1".into())),
            ("domain", Container::Domain("CONTOSO.COM".into())),
            ("parent", Container::Unit(PARENT.into())),
            ("unit", Container::Unit(UNIT.into())),
        ]
    }

    fn order(directory: &Directory) -> Vec<String> {
        let policy = directory.effective_policy("contoso.com", UNIT, Some("cm12-r2-ps1"));
        policy.applied.into_iter().map(|object| object.name).collect()
    }

    fn server(directory: &Directory) -> RegistryValue {
        let policy = directory.effective_policy("contoso.com", UNIT, Some("cm12-r2-ps1"));
        policy.winner(&KEY.to_lowercase(), "wuserver").unwrap().value.clone()
    }

    #[test]
    fn the_closest_container_wins() {
        assert_eq!(order(&directory()), ["site", "domain", "parent", "unit"]);
        assert_eq!(server(&directory()), "unit".into());
    }

    #[test]
    fn link_order_one_wins_within_a_container() {
        let directory = directory();
        directory.add_policy_object("second", Uuid::nil());
        directory.link("second", &Container::Unit(UNIT.into()), LinkState::default()).unwrap();
        assert_eq!(order(&directory), ["site", "domain", "parent", "second", "unit"]);
    }

    #[test]
    fn enforced_links_win_and_the_highest_wins_most() {
        let directory = directory();
        for (name, container) in containers_by_name().into_iter().skip(1).take(2) {
            directory.link(name, &container, LinkState { enabled: true, enforced: true }).unwrap();
        }
        assert_eq!(order(&directory), ["site", "unit", "parent", "domain"]);
        assert_eq!(server(&directory), "domain".into());
    }

    #[test]
    fn a_blocking_unit_keeps_out_what_is_not_enforced() {
        let directory = directory();
        directory.block_inheritance(PARENT, true);
        assert_eq!(order(&directory), ["parent", "unit"]);
        directory
            .link("site", &Container::Site("CM12-R2-PS1".into()), LinkState { enabled: true, enforced: true })
            .unwrap();
        assert_eq!(order(&directory), ["parent", "unit", "site"]);
    }

    #[test]
    fn disabled_and_removed_links_do_not_apply() {
        let directory = directory();
        let unit = Container::Unit(UNIT.into());
        directory.link("unit", &unit, LinkState { enabled: false, enforced: true }).unwrap();
        assert_eq!(server(&directory), "parent".into());
        directory.unlink("parent", &Container::Unit(PARENT.into())).unwrap();
        assert_eq!(server(&directory), "domain".into());
        assert!(directory.unlink("parent", &Container::Unit(PARENT.into())).is_err());
    }

    #[test]
    fn a_conflicting_setting_of_a_change_is_met_and_reverted() {
        let directory = directory();
        let mark = Mark::new("gpo overrides server");
        directory.set_policy_marked(&mark, "unit", KEY, "WUServer", Some("http://old".into())).unwrap();
        assert_eq!(server(&directory), "http://old".into());
        assert_eq!(mark.hits(), 1);
        directory.revert(&mark);
        assert_eq!(server(&directory), "unit".into());
    }

    #[test]
    fn a_computer_in_the_default_container_gets_site_and_domain_only() {
        let policy = directory().effective_policy("CONTOSO.COM", "CN=Computers,DC=CONTOSO,DC=COM", None);
        assert_eq!(policy.applied.len(), 1);
        assert_eq!(policy.applied[0].name, "domain");
    }

    #[test]
    fn an_address_belongs_to_the_smallest_subnet_around_it() {
        let directory = Directory::new("CONTOSO.COM");
        let subnet = |address: &str, prefix| Interface { address: address.parse().unwrap(), prefix };
        directory.add_site("Wide", &[subnet("192.168.0.0", 16)]);
        directory.add_site("CM12-R2-PS1", &[subnet("192.168.2.0", 24)]);
        let site = |address: &str| directory.site_of(address.parse().unwrap());
        assert_eq!(site("192.168.2.62").as_deref(), Some("CM12-R2-PS1"));
        assert_eq!(site("192.168.3.1").as_deref(), Some("Wide"));
        assert_eq!(site("10.0.0.1"), None);
        assert_eq!(site("2001:db8::1"), None);
    }
}
