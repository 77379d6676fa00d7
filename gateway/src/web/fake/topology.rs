//! The made-up machines as a tree: those of the hotel hang on one of them.

use super::State;
use dashboards::view::*;
use domain::{DeviceName, SiteName};
use std::collections::BTreeMap;

/// On this one the others of its site hang.
const GATEWAY: &str = "ac-roof-2";

pub(super) fn sites(state: &State) -> Vec<SiteNode> {
    let mut sites: BTreeMap<SiteName, SiteNode> = BTreeMap::new();
    for device in state.devices.iter().map(|d| state.summary(d)) {
        let node = sites.entry(device.site.clone()).or_insert_with(|| SiteNode {
            site: device.site.clone(),
            region: "east".into(),
            customer: String::new(),
            devices: 0,
            online: 0,
            carriers: 0,
            severity: None,
            open_alarms: 0,
            open_tickets: 0,
        });
        node.devices += 1;
        node.online += u32::from(device.connectivity == Connectivity::Online);
        node.carriers += u32::from(device.device.as_str() == GATEWAY);
        node.severity = node.severity.max(device.severity);
        node.open_alarms += device.open_alarms;
        node.open_tickets += device.open_tickets;
    }
    sites.into_values().collect()
}

pub(super) fn tree(state: &State, site: &SiteName) -> Vec<TreeNode> {
    let gateway = DeviceName::new(GATEWAY).expect("a name");
    let here: Vec<&Device> = state.devices.iter().filter(|d| d.summary.site == *site).collect();
    let has_gateway = here.iter().any(|d| d.summary.device == gateway);
    let nodes = here.into_iter().map(|device| {
        let parts = device
            .failure_modes
            .iter()
            .filter(|m| !m.part.is_empty())
            .take(2)
            .map(|mode| PartNode {
                part: mode.part.clone(),
                failure_modes: vec![mode.id.clone()],
                severity: mode.active,
            });
        let parent = (has_gateway && device.summary.device != gateway).then(|| gateway.clone());
        TreeNode::of(state.summary(device), parent, parts.collect())
    });
    TreeNode::arrange(nodes.collect())
}
