//! Which subscribers a topic reaches: their filters as a tree by level, so that the cost depends on the topic, not on how many subscribe.
//! Pure.

use std::collections::{BTreeMap, HashMap};

/// How a message is to be delivered for one filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// 0 or 1.
    pub qos: u8,
    /// Keep the publisher's retain flag (MQTT 5).
    pub retain_as_published: bool,
}

impl Delivery {
    /// Where several filters of one subscriber match, it gets the message once, with the most that any of them asks for.
    fn or(self, other: Delivery) -> Delivery {
        Delivery {
            qos: self.qos.max(other.qos),
            retain_as_published: self.retain_as_published || other.retain_as_published,
        }
    }
}

/// The filters of all subscribers, who are numbers here.
#[derive(Debug, Default)]
pub struct TopicTree {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    children: HashMap<Box<str>, Node>,
    /// Filters ending here.
    here: BTreeMap<u32, Delivery>,
    /// Filters ending here with `/#`.
    below: BTreeMap<u32, Delivery>,
}

impl TopicTree {
    /// Adds a well-formed filter, or replaces its delivery.
    pub fn insert(&mut self, filter: &str, subscriber: u32, delivery: Delivery) {
        let mut node = &mut self.root;
        for level in filter.split('/') {
            if level == "#" {
                node.below.insert(subscriber, delivery);
                return;
            }
            node = node.children.entry(level.into()).or_default();
        }
        node.here.insert(subscriber, delivery);
    }

    /// Removes a filter, and the branches that hold nothing any more.
    pub fn remove(&mut self, filter: &str, subscriber: u32) {
        let levels: Vec<&str> = filter.split('/').collect();
        self.root.remove(&levels, subscriber);
    }

    /// Who gets a message on `topic`, each once.
    pub fn matching(&self, topic: &str) -> BTreeMap<u32, Delivery> {
        let levels: Vec<&str> = topic.split('/').collect();
        let mut found = BTreeMap::new();
        self.root.collect(&levels, topic.starts_with('$'), &mut found);
        found
    }
}

impl Node {
    fn remove(&mut self, levels: &[&str], subscriber: u32) {
        match levels {
            [] => {
                self.here.remove(&subscriber);
            }
            ["#"] => {
                self.below.remove(&subscriber);
            }
            [level, rest @ ..] => {
                if let Some(child) = self.children.get_mut(*level) {
                    child.remove(rest, subscriber);
                    if child.children.is_empty() && child.here.is_empty() && child.below.is_empty() {
                        self.children.remove(*level);
                    }
                }
            }
        }
    }

    fn collect(&self, levels: &[&str], is_system: bool, found: &mut BTreeMap<u32, Delivery>) {
        let mut add = |those: &BTreeMap<u32, Delivery>| {
            for (subscriber, delivery) in those {
                let entry = found.entry(*subscriber).or_default();
                *entry = entry.or(*delivery);
            }
        };
        if !is_system {
            add(&self.below);
        }
        let [level, rest @ ..] = levels else {
            add(&self.here);
            return;
        };
        if let Some(child) = self.children.get(*level) {
            child.collect(rest, false, found);
        }
        if let Some(child) = self.children.get("+").filter(|_| !is_system) {
            child.collect(rest, false, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::{is_filter, matches};
    use super::*;
    use proptest::prelude::*;

    const AT_1: Delivery = Delivery {
        qos: 1,
        retain_as_published: false,
    };

    proptest! {
        #[test]
        fn the_tree_finds_what_matching_each_filter_finds(
            filters in proptest::collection::vec("([ab+$]/){0,3}[ab+#]", 0..12),
            removed in 0usize..12,
            topic in "[ab$](/[ab]?){0,4}",
        ) {
            let mut filters: Vec<String> = filters.into_iter().filter(|filter| is_filter(filter)).collect();
            let mut tree = TopicTree::default();
            for (index, filter) in filters.iter().enumerate() {
                tree.insert(filter, index as u32, AT_1);
            }
            if removed < filters.len() {
                tree.remove(&filters[removed], removed as u32);
                filters[removed] = "never".to_owned();
            }
            let expected: Vec<u32> =
                filters.iter().enumerate().filter(|(_, filter)| matches(filter, &topic)).map(|(index, _)| index as u32).collect();
            let found: Vec<u32> = tree.matching(&topic).into_keys().collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn two_filters_of_one_subscriber_deliver_once_at_the_higher_level() {
        let mut tree = TopicTree::default();
        tree.insert(
            "a/#",
            7,
            Delivery {
                qos: 0,
                retain_as_published: true,
            },
        );
        tree.insert("a/+", 7, AT_1);
        let expected = Delivery {
            qos: 1,
            retain_as_published: true,
        };
        assert_eq!(tree.matching("a/b"), BTreeMap::from([(7, expected)]));
    }

    #[test]
    fn removing_everything_leaves_an_empty_tree() {
        let mut tree = TopicTree::default();
        for filter in ["a/b/c", "a/#", "+/b"] {
            tree.insert(filter, 1, AT_1);
        }
        for filter in ["a/b/c", "a/#", "+/b"] {
            tree.remove(filter, 1);
        }
        assert!(tree.root.children.is_empty() && tree.root.below.is_empty());
    }
}
