//! What hangs on what: sites, their gateways and machines, and the parts of those.

use super::{Connectivity, DeviceSummary, schema};
use domain::{DeviceName, FailureModeId, Severity, SiteName};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A site at the top of the tree.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SiteNode {
    /// Its name.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// The network point that serves it; empty if not known.
    pub region: String,
    /// Whose it is; empty if not known.
    pub customer: String,
    /// Machines, gateways included.
    pub devices: u32,
    /// Those that send.
    pub online: u32,
    /// Those on which others hang.
    pub carriers: u32,
    /// The worst severity of its active alarms.
    #[schema(value_type = Option<schema::Severity>)]
    pub severity: Option<Severity>,
    /// Alarms that are not normal.
    pub open_alarms: u32,
    /// Tickets that are neither closed nor cancelled.
    pub open_tickets: u32,
}

/// A machine in the tree of its site.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TreeNode {
    /// As in the fleet.
    #[serde(flatten)]
    pub summary: DeviceSummary,
    /// The machine of the same site that it hangs on.
    #[schema(value_type = Option<String>)]
    pub parent: Option<DeviceName>,
    /// 0 on top, and one more for each machine above.
    pub level: u32,
    /// How many machines hang on it, however far below.
    pub below: u32,
    /// How many of those are silent or offline.
    pub below_away: u32,
    /// The worst severity of itself and what hangs on it.
    #[schema(value_type = Option<schema::Severity>)]
    pub worst: Option<Severity>,
    /// Its parts, as far as its profile tells them.
    pub parts: Vec<PartNode>,
}

/// A part of a machine: what its failure modes break.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PartNode {
    /// Its name.
    pub part: String,
    /// How it may fail.
    #[schema(value_type = Vec<String>)]
    pub failure_modes: Vec<FailureModeId>,
    /// The worst severity of the active alarms of these.
    #[schema(value_type = Option<schema::Severity>)]
    pub severity: Option<Severity>,
}

impl TreeNode {
    /// A machine by itself.
    pub fn of(summary: DeviceSummary, parent: Option<DeviceName>, parts: Vec<PartNode>) -> TreeNode {
        TreeNode {
            worst: summary.severity,
            summary,
            parent,
            level: 0,
            below: 0,
            below_away: 0,
            parts,
        }
    }

    fn is_away(&self) -> bool {
        match self.summary.connectivity {
            Connectivity::Offline | Connectivity::Silent => true,
            Connectivity::Online | Connectivity::Unknown => false,
        }
    }

    /// The machines of a site as a tree, written from the top: each before what hangs on it; among neighbours the one with the
    /// worst below first, then by name. A machine whose parent is not among them is on top.
    pub fn arrange(nodes: Vec<TreeNode>) -> Vec<TreeNode> {
        let mut by_name: BTreeMap<DeviceName, TreeNode> = BTreeMap::new();
        for node in nodes {
            by_name.insert(node.summary.device.clone(), node);
        }
        let above: BTreeMap<DeviceName, DeviceName> = by_name
            .values()
            .filter_map(|n| Some((n.summary.device.clone(), n.parent.clone()?)))
            .filter(|(_, parent)| by_name.contains_key(parent))
            .collect();
        let names: Vec<DeviceName> = by_name.keys().cloned().collect();
        for name in &names {
            let (away, severity) = by_name
                .get(name)
                .map_or((false, None), |n| (n.is_away(), n.summary.severity));
            let mut way = vec![name];
            while let Some(parent) = above.get(way[way.len() - 1])
                && !way.contains(&parent)
            {
                if let Some(carrier) = by_name.get_mut(parent) {
                    carrier.below += 1;
                    carrier.below_away += u32::from(away);
                    carrier.worst = carrier.worst.max(severity);
                }
                way.push(parent);
            }
        }
        let mut children: BTreeMap<Option<&DeviceName>, Vec<&DeviceName>> = BTreeMap::new();
        for name in &names {
            children.entry(above.get(name)).or_default().push(name);
        }
        for list in children.values_mut() {
            list.sort_by_key(|name| (std::cmp::Reverse(by_name.get(*name).and_then(|n| n.worst)), *name));
        }
        let on = |parent: Option<&DeviceName>, level: u32| {
            let list = children.get(&parent).into_iter().flatten().rev();
            list.map(move |name| (*name, level)).collect::<Vec<_>>()
        };
        let mut waiting = on(None, 0);
        let mut tree = Vec::with_capacity(names.len());
        while let Some((name, level)) = waiting.pop() {
            waiting.extend(on(Some(name), level + 1));
            tree.extend(by_name.remove(name).map(|node| TreeNode { level, ..node }));
        }
        // a circle has no top
        tree.extend(by_name.into_values());
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::text::Text;

    fn node(device: &str, parent: Option<&str>, connectivity: Connectivity, severity: Option<Severity>) -> TreeNode {
        let name = |text| DeviceName::new(text).expect("a name");
        let summary = DeviceSummary {
            site: SiteName::new("plant").expect("a name"),
            device: name(device),
            profile: "generic".into(),
            title: Text::default(),
            connectivity,
            last_seen: None,
            health: None,
            severity,
            risk: None,
            open_alarms: 0,
            open_tickets: 0,
            time_left: None,
        };
        TreeNode::of(summary, parent.map(name), Vec::new())
    }

    #[test]
    fn a_site_is_written_from_the_top_and_each_carrier_sums_up_what_hangs_on_it() {
        use Connectivity::{Offline, Online, Silent};
        let tree = TreeNode::arrange(vec![
            node("router", None, Online, None),
            node("gateway-1", Some("router"), Online, None),
            node("gateway-2", Some("router"), Silent, Some(Severity::Warning)),
            node("pump-1", Some("gateway-1"), Online, Some(Severity::Advisory)),
            node("pump-2", Some("gateway-2"), Offline, None),
            node("lone", Some("elsewhere"), Online, None),
        ]);
        let rows: Vec<_> = tree
            .iter()
            .map(|n| (n.summary.device.as_str(), n.level, n.below, n.below_away))
            .collect();
        assert_eq!(
            rows,
            [
                ("router", 0, 4, 2),
                ("gateway-2", 1, 1, 1),
                ("pump-2", 2, 0, 0),
                ("gateway-1", 1, 1, 0),
                ("pump-1", 2, 0, 0),
                ("lone", 0, 0, 0),
            ]
        );
        assert_eq!(tree[0].worst, Some(Severity::Warning));
    }

    #[test]
    fn a_circle_loses_nobody() {
        let online = Connectivity::Online;
        let tree = TreeNode::arrange(vec![
            node("a", Some("b"), online, None),
            node("b", Some("a"), online, None),
        ]);
        assert_eq!(tree.len(), 2);
    }
}
