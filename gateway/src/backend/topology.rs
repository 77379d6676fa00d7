//! The tree of sites and machines: names of the registry, and how each machine does.

use super::LiveBackend;
use crate::web::backend::{Answer, BackendError, Slice};
use dashboards::view::{Connectivity, Device, DeviceSummary, Page, PartNode, SiteNode, TreeNode};
use domain::{DeviceKey, DeviceName, FailureModeId, Severity, SiteName};
use std::collections::{BTreeMap, BTreeSet};

/// The worst severity of a machine's active alarms, by failure mode.
type Showing = BTreeMap<FailureModeId, Severity>;

impl LiveBackend {
    pub(super) async fn list_topology(&self) -> Answer<Vec<SiteNode>> {
        let fleet = self.fleet().await?;
        let topology = &self.running.policy.topology;
        let mut sites: BTreeMap<SiteName, SiteNode> = BTreeMap::new();
        for device in fleet.devices.iter().filter(|d| self.sees(d)) {
            let node = sites
                .entry(device.site.clone())
                .or_insert_with(|| self.site_node(&device.site));
            node.devices += 1;
            node.online += u32::from(device.connectivity == Connectivity::Online);
            node.carriers += u32::from(topology.may_carry(&key_of(device)));
            node.severity = node.severity.max(device.severity);
            node.open_alarms += device.open_alarms;
            node.open_tickets += device.open_tickets;
        }
        Ok(sites.into_values().collect())
    }

    fn site_node(&self, site: &SiteName) -> SiteNode {
        let entry = self.directory().registry().site_entry(site);
        SiteNode {
            site: site.clone(),
            region: entry.map(|e| e.region.clone()).unwrap_or_default(),
            // whose the rest of a site is, is nobody's business
            customer: entry
                .filter(|_| self.sight.is_all() || self.sight.sees_site(site))
                .map(|e| e.customer.clone())
                .unwrap_or_default(),
            devices: 0,
            online: 0,
            carriers: 0,
            severity: None,
            open_alarms: 0,
            open_tickets: 0,
        }
    }

    pub(super) async fn read_topology(&self, site: SiteName, slice: Slice) -> Answer<Page<TreeNode>> {
        let fleet = self.fleet().await?;
        let here = fleet.devices.iter().filter(|d| d.site == site && self.sees(d));
        let showing = self.standing.showing_at(&site);
        let mut nodes: Vec<TreeNode> = here.map(|d| self.tree_node(d.clone(), &showing)).collect();
        if nodes.is_empty() {
            let what = format!("site {site} with machines");
            return Err(BackendError::NotFound { what });
        }
        let known: BTreeSet<DeviceName> = nodes.iter().map(|n| n.summary.device.clone()).collect();
        let named = self.running.policy.topology.named_at(&site);
        let by_pattern = nodes
            .iter()
            .filter_map(|n| n.parent.as_ref().map(|p| key_of(&n.summary).neighbour(p)));
        let unheard: BTreeSet<DeviceKey> = named.into_iter().chain(by_pattern).collect();
        let unheard = unheard
            .into_iter()
            .filter(|key| !known.contains(&key.device) && self.sight.sees(key));
        nodes.extend(unheard.map(|key| self.tree_node(never_heard(key), &showing)));
        Ok(Page::cut(
            TreeNode::arrange(nodes),
            slice.cursor.as_deref(),
            slice.limit,
            |node| node.summary.device.to_string(),
        ))
    }

    fn tree_node(&self, summary: DeviceSummary, showing: &BTreeMap<DeviceName, Showing>) -> TreeNode {
        let key = key_of(&summary);
        let parts = parts(
            self.profile_of(&key).iter().flat_map(|profile| &profile.modes),
            showing.get(&key.device),
        );
        TreeNode::of(summary, self.parent_of(&key), parts)
    }

    /// What a machine hangs on, if that may be seen.
    fn parent_of(&self, key: &DeviceKey) -> Option<DeviceName> {
        let parent = self.running.policy.topology.parent_of(key)?;
        self.sight.sees(&parent).then_some(parent.device)
    }

    /// Writes down where a machine is in the tree.
    pub(super) async fn place_in_tree(&self, key: &DeviceKey, device: &mut Device) -> Answer<()> {
        let topology = &self.running.policy.topology;
        device.parent = self.parent_of(key);
        if topology.may_carry(key) {
            let fleet = self.fleet().await?;
            let below = fleet
                .devices
                .iter()
                .filter(|d| self.sees(d) && topology.hangs_on(&key_of(d), key));
            device.carries = u32::try_from(below.count()).unwrap_or(u32::MAX);
        }
        Ok(())
    }
}

fn key_of(device: &DeviceSummary) -> DeviceKey {
    DeviceKey {
        site: device.site.clone(),
        device: device.device.clone(),
    }
}

/// A machine that the registry names and that never sent anything.
fn never_heard(key: DeviceKey) -> DeviceSummary {
    DeviceSummary {
        site: key.site,
        device: key.device,
        profile: String::new(),
        title: domain::text::Text::default(),
        connectivity: Connectivity::Unknown,
        last_seen: None,
        health: None,
        severity: None,
        risk: None,
        open_alarms: 0,
        open_tickets: 0,
        time_left: None,
    }
}

/// The parts that failure modes break, each with the worst that shows.
fn parts<'a>(
    modes: impl Iterator<Item = &'a domain::profile::FailureMode>,
    showing: Option<&Showing>,
) -> Vec<PartNode> {
    let mut parts: Vec<PartNode> = Vec::new();
    for mode in modes.filter(|mode| !mode.part.is_empty()) {
        let severity = showing.and_then(|s| s.get(&mode.id)).copied();
        match parts.iter_mut().find(|known| known.part == mode.part) {
            Some(known) => {
                known.failure_modes.push(mode.id.clone());
                known.severity = known.severity.max(severity);
            }
            None => parts.push(PartNode {
                part: mode.part.clone(),
                failure_modes: vec![mode.id.clone()],
                severity,
            }),
        }
    }
    parts
}
