//! What speaks for and against sending somebody, in words.

use domain::text::Text;
use domain::{TicketId, Timestamp};
use std::collections::BTreeSet;

/// What speaks for or against sending somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the sentences say it
pub enum Reason {
    HasSkills { skills: Vec<String> },
    LacksSkills { skills: Vec<String> },
    Distance { km: u64 },
    SameRegion { region: String },
    DistanceUnknown,
    OnShift,
    OnCall,
    ShiftBegins { at: Timestamp },
    Load { open: u32, most: u32 },
    Full { open: u32, most: u32 },
    PartsOnVan { parts: Vec<String> },
    PartsNotOnVan { parts: Vec<String> },
    PartsInRegion { parts: Vec<String> },
    PartsOnlyCentral { parts: Vec<String> },
    PartsNowhere { parts: Vec<String>, days: u32 },
    PartsNotKept { parts: Vec<String> },
    SameSite { tickets: BTreeSet<TicketId> },
    KnowsSite,
}

impl Reason {
    /// In words.
    pub fn text(&self) -> Text {
        let (en, zh) = match self {
            Reason::HasSkills { skills } => {
                let skills = skills.join(", ");
                (format!("has the skills: {skills}"), format!("具备技能：{skills}"))
            }
            Reason::LacksSkills { skills } => {
                let skills = skills.join(", ");
                (format!("lacks the skills: {skills}"), format!("缺少技能：{skills}"))
            }
            Reason::Distance { km } => (format!("{km} km away"), format!("距离 {km} 公里")),
            Reason::SameRegion { region } => (format!("in the region {region}"), format!("同属区域 {region}")),
            Reason::DistanceUnknown => ("distance not known".into(), "距离未知".into()),
            Reason::OnShift => ("at work now".into(), "当前在班".into()),
            Reason::OnCall => ("on call now".into(), "当前值守".into()),
            Reason::ShiftBegins { at } => (format!("at work from {at}"), format!("{at} 起在班")),
            Reason::Load { open, most } => (
                format!("{open} of at most {most} tickets open"),
                format!("未结工单 {open} / {most}"),
            ),
            Reason::Full { open, most } => (
                format!("has no room: {open} tickets open, at most {most}"),
                format!("已满负荷：未结工单 {open}，上限 {most}"),
            ),
            Reason::PartsOnVan { parts } => {
                let parts = parts.join(", ");
                (format!("on the van: {parts}"), format!("车上有：{parts}"))
            }
            Reason::PartsNotOnVan { parts } => {
                let parts = parts.join(", ");
                (format!("not on the van: {parts}"), format!("车上没有：{parts}"))
            }
            Reason::PartsInRegion { parts } => {
                let parts = parts.join(", ");
                (format!("in the region's stock: {parts}"), format!("区域库有：{parts}"))
            }
            Reason::PartsOnlyCentral { parts } => {
                let parts = parts.join(", ");
                (
                    format!("only in the central stock: {parts}"),
                    format!("仅中心库有：{parts}"),
                )
            }
            Reason::PartsNowhere { parts, days } => {
                let parts = parts.join(", ");
                (
                    format!("nowhere in reach, {days} days to order: {parts}"),
                    format!("均无库存，订货需 {days} 天：{parts}"),
                )
            }
            Reason::PartsNotKept { parts } => {
                let parts = parts.join(", ");
                (format!("not kept in stock: {parts}"), format!("不在库存目录：{parts}"))
            }
            Reason::SameSite { tickets } => {
                let tickets: Vec<String> = tickets.iter().map(ToString::to_string).collect();
                let tickets = tickets.join(", ");
                (
                    format!("goes to the same site anyway: {tickets}"),
                    format!("本就前往同一站点：{tickets}"),
                )
            }
            Reason::KnowsSite => ("knows the site".into(), "熟悉该站点".into()),
        };
        Text { en, zh }
    }
}
