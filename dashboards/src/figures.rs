//! The figures of the periodic review: what each is called, what it means, and what is aimed at, in each language. The one
//! list for pages, reports and the API, so that no figure stands anywhere without its meaning.

use domain::text::Text;
use serde::Serialize;
use utoipa::ToSchema;

/// What a figure is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FigureUnit {
    /// So many.
    Count,
    /// 0 to 1.
    Share,
    /// Hours.
    Hours,
    /// So many each day.
    PerDay,
}

/// What a figure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FigureGroup {
    /// How good the warnings were.
    Warnings,
    /// How well the service worked.
    Service,
    /// What customers met with.
    Customers,
    /// How reliable the machines were.
    Machines,
    /// How much the alarms asked of people.
    Alarms,
}

/// One kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FigureKind {
    /// Its name for programs; never changes.
    pub key: &'static str,
    /// What it is about.
    pub group: FigureGroup,
    /// What it is measured in.
    pub unit: FigureUnit,
    name: (&'static str, &'static str),
    definition: (&'static str, &'static str),
    target: Option<(&'static str, &'static str)>,
}

fn text((en, zh): (&str, &str)) -> Text {
    Text {
        en: en.into(),
        zh: zh.into(),
    }
}

impl FigureKind {
    /// Its name.
    pub fn name(&self) -> Text {
        text(self.name)
    }

    /// How it is counted.
    pub fn definition(&self) -> Text {
        text(self.definition)
    }

    /// What is aimed at; none where nobody says.
    pub fn target(&self) -> Option<Text> {
        self.target.map(text)
    }
}

/// Numbers that a site may set, and that stand in the texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbers {
    /// Days within which a repair of the same fault is a repeat.
    pub repeat_days: u32,
    /// Hours within which customers are called back.
    pub call_back_hours: u32,
    /// From here on a rating is good.
    pub good_rating: u8,
    /// Aim, as a share.
    pub satisfied: f64,
    /// Aim, as a share.
    pub repeat_repair: f64,
    /// Aim, as a share.
    pub answered: f64,
    /// Aim, as a share.
    pub called_back: f64,
    /// Aim, as a share.
    pub in_time: f64,
    /// Aim, as a share.
    pub complaints: f64,
}

impl Numbers {
    /// The text with its numbers in the places of their names in braces.
    pub fn fill(&self, text: &Text) -> Text {
        let percent = |share: f64| format!("{}", (share * 1_000.0).round() / 10.0);
        let named = [
            ("{repeat_days}", self.repeat_days.to_string()),
            ("{call_back_hours}", self.call_back_hours.to_string()),
            ("{good_rating}", self.good_rating.to_string()),
            ("{satisfied}", percent(self.satisfied)),
            ("{repeat_repair}", percent(self.repeat_repair)),
            ("{answered}", percent(self.answered)),
            ("{called_back}", percent(self.called_back)),
            ("{in_time}", percent(self.in_time)),
            ("{complaints}", percent(self.complaints)),
        ];
        let fill = |text: &str| {
            let filled = |text: String, (name, number): &(&str, String)| text.replace(name, number);
            named.iter().fold(text.to_owned(), filled)
        };
        Text {
            en: fill(&text.en),
            zh: fill(&text.zh),
        }
    }
}

macro_rules! figures {
    ($($id:ident = $key:literal, $group:ident, $unit:ident, $en:literal, $zh:literal, $def_en:literal, $def_zh:literal $(, $target_en:literal, $target_zh:literal)?;)+) => {
        $(
            #[doc = $def_en]
            pub const $id: FigureKind = FigureKind {
                key: $key,
                group: FigureGroup::$group,
                unit: FigureUnit::$unit,
                name: ($en, $zh),
                definition: ($def_en, $def_zh),
                target: figures!(@target $($target_en, $target_zh)?),
            };
        )+

        /// All of them, in the order in which they are shown.
        pub const ALL: &[FigureKind] = &[$($id),+];
    };
    (@target) => { None };
    (@target $en:literal, $zh:literal) => { Some(($en, $zh)) };
}

figures! {
    PRECISION = "warning_precision", Warnings, Share, "Warnings that were right", "预警准确率",
        "Confirmed faults / tickets from warnings whose outcome says whether there was a fault", "确认存在故障的工单 ÷ 由预警产生且结论明确的工单";
    AHEAD = "warning_ahead_of_repair", Warnings, Hours, "Warned ahead of repair (median)", "预警提前量（中位数）",
        "From the alarm until the confirmed fault was repaired: how early it came at least", "从报警到确认故障修复完成的时间，即至少提前的时间";
    WARNED = "known_failures_warned", Warnings, Share, "Known failures that were warned of", "已知故障的预警覆盖率",
        "Faults that machines reported by themselves after an alarm of a model within two weeks / all that they reported by themselves", "设备自报故障中两周内已有模型报警的比例";
    OPENED = "tickets_opened", Service, Count, "Tickets opened", "新建工单", "Tickets opened in the span", "期间新建的工单数";
    CLOSED = "tickets_closed", Service, Count, "Tickets closed", "关闭工单", "Tickets closed or cancelled in the span", "期间关闭或取消的工单数";
    BACKLOG = "tickets_backlog", Service, Count, "Backlog", "积压工单", "Tickets with work left at the end of the span", "期末仍有工作的工单数";
    REACTION = "first_reaction_mean", Service, Hours, "First reaction (MTTA, mean)", "平均首次响应时间",
        "From the opening until a person first did something; tickets opened in the span", "从工单建立到首次有人处理的平均时间";
    REPAIR = "repair_mean", Service, Hours, "Repair (MTTR, mean)", "平均修复时间",
        "From the opening until a ticket was closed with a confirmed fault", "从工单建立到以确认故障关闭的平均时间";
    FIRST_TIME_FIX = "first_time_fix", Service, Share, "First-time fix", "一次修复率",
        "Confirmed faults closed after one visit and not reopened / confirmed faults closed", "一次上门即修复且未重开的比例";
    REPEAT_REPAIR = "repeat_repair", Service, Share, "Repeat repair", "返修率",
        "Repairs of a fault that the same machine had been repaired of within {repeat_days} days / repairs", "同一设备 {repeat_days} 天内同一故障再次维修的比例", "at most {repeat_repair} %", "不超过 {repeat_repair}%";
    OVERRIDES = "dispatch_overrides", Service, Share, "Proposals overridden", "派工建议改派率",
        "Tickets given to somebody other than the first proposed / tickets given to somebody after a proposal", "未采用首选派工建议的次数 ÷ 有派工建议的派工次数";
    PLANNED = "planned_share", Service, Share, "Planned maintenance", "计划维护占比", "Tickets of maintenance plans / tickets opened", "计划维护工单 ÷ 新建工单";
    IN_TIME = "clocks_in_time", Service, Share, "Clocks in time", "时限达成率",
        "Clocks met in time / clocks that were due, of tickets opened in the span; holds stop them", "按时达成的时限 ÷ 到期的时限（暂停期间不计时）", "at least {in_time} %", "不低于 {in_time}%";
    ANSWERED = "requests_answered", Customers, Share, "Requests answered", "请求响应率",
        "Tickets about which a person did something / tickets opened in the span; work by plan left out", "有人处理的工单 ÷ 期间新建工单（计划维护除外）", "at least {answered} %", "不低于 {answered}%";
    CALLED_BACK = "called_back", Customers, Share, "Called back within {call_back_hours} h", "{call_back_hours} 小时回访率",
        "Call-backs within {call_back_hours} h of the end of the work / tickets closed longer ago or called back", "完工后 {call_back_hours} 小时内回访的工单 ÷ 已到回访时限的工单", "at least {called_back} %", "不低于 {called_back}%";
    SATISFIED = "customer_satisfaction", Customers, Share, "Customer satisfaction", "客户满意度",
        "Ratings of at least {good_rating} of 5 / ratings given in call-backs of the span", "回访中 {good_rating} 分及以上的评价 ÷ 全部评价", "at least {satisfied} %", "不低于 {satisfied}%";
    COMPLAINTS = "complaints_in_time", Customers, Share, "Bad ratings settled in time", "差评按时解决率",
        "Bad ratings of the span settled with no step too late / those settled or too late", "期间差评中各级均未超时即解决的 ÷ 已解决或已超时的", "at least {complaints} %", "不低于 {complaints}%";
    BREAKDOWNS = "breakdowns", Machines, Count, "Breakdowns", "停机故障", "Malfunctions that began in the span and made the machine stand still", "期间开始并导致停机的故障";
    BETWEEN = "time_between_failures", Machines, Hours, "Between failures (MTBF)", "平均故障间隔（MTBF）",
        "Calendar time of all machines known / breakdowns", "全部设备的日历时间 ÷ 停机故障数";
    DOWNTIME = "downtime_mean", Machines, Hours, "Downtime (mean)", "平均停机时间", "From the beginning of a breakdown to its end", "从停机开始到恢复的平均时间";
    AVAILABLE = "availability", Machines, Share, "Availability", "可用率", "Time without breakdown / calendar time of all machines", "无停机时间 ÷ 全部设备的日历时间";
    DETECTION = "detection_mean", Machines, Hours, "Detected after (MTTD, mean)", "平均发现时间（MTTD）",
        "From the beginning of a malfunction to its alarm; 0 where the alarm came before", "从故障开始到报警的平均时间；提前报警计为 0";
    RAISED = "alarms_raised", Alarms, Count, "Alarms raised", "报警次数", "Episodes that began in the span", "期间开始的报警次数";
    EACH_DAY = "alarms_per_day", Alarms, PerDay, "Alarms a day", "日均报警数", "Alarms raised / days of the span", "报警次数 ÷ 天数", "at most 150, 300 is the limit", "不超过 150，上限 300";
    PEAK = "alarms_peak", Alarms, Count, "Most in ten minutes", "十分钟峰值", "The most alarms raised within any ten minutes", "任意十分钟内的最多报警数", "at most 10", "不超过 10";
    ACKNOWLEDGED = "acknowledged_median", Alarms, Hours, "Acknowledged after (median)", "确认用时（中位数）", "From the raise until a person acknowledged it", "从报警到人工确认的时间";
    TOP_TEN = "top_ten_share", Alarms, Share, "Share of the ten most frequent", "前十报警占比", "The ten most frequent (machine, failure mode) / all alarms raised", "最频繁的十个报警 ÷ 全部报警", "below 1 %, 5 % is the limit", "低于 1%，上限 5%";
    CHATTERING = "alarms_chattering", Alarms, Count, "Chattering", "抖动报警", "Alarms that were raised three times within a minute", "一分钟内触发三次的报警", "0", "0";
    FLEETING = "alarms_fleeting", Alarms, Count, "Fleeting", "瞬时报警", "Alarms of which an episode was gone within a minute", "一分钟内即消失过的报警", "0", "0";
    STALE = "alarms_stale", Alarms, Count, "Stale", "陈旧报警", "Alarms that stood for more than 24 h", "持续超过 24 小时的报警", "below 5", "少于 5";
    IN_FLOOD = "time_in_flood", Alarms, Share, "Time in flood", "报警泛滥时间占比", "Time with more than 10 alarms in 10 minutes until fewer than 5 / time of the span, over all sites", "十分钟内超过 10 个报警直至少于 5 个的时间占比", "below 1 %", "低于 1%";
}

/// The figures of each rule and version of a model.
pub mod rules {
    use super::{FigureGroup, FigureKind, FigureUnit};

    figures! {
        WARNINGS = "warnings", Warnings, Count, "Warnings", "预警次数", "Alarms raised in the span in which the rule spoke first", "期间由该规则首先触发的报警次数";
        PRECISION = "precision", Warnings, Share, "Right", "准确率",
            "Machines found at fault / warnings whose ticket was closed in the span with a verdict; with Wilson's 95 % interval; below 5 verdicts chance speaks",
            "确认存在故障 ÷ 期间关闭且结论明确的预警工单；附 Wilson 95% 置信区间；少于 5 个结论时仅供参考";
        PRECISION_OF_MODE = "precision_of_mode", Warnings, Share, "Right about the failure mode", "故障模式准确率",
            "The same; a different fault than warned speaks against the rule", "同上，但实际为其他故障时不计为准确";
        RECALL = "recall", Warnings, Share, "Failures warned of", "召回率",
            "Confirmed faults of its failure modes that it warned of within two weeks before the ticket / all such faults of the profile closed in the span, whoever reported them",
            "工单前两周内已由该规则预警的确认故障 ÷ 期间关闭的该机型同类确认故障（不论由谁报告）";
        LEAD_TIME = "lead_time", Warnings, Hours, "Lead time (median)", "提前量（中位数）",
            "From its warning until the confirmed fault was repaired: how early it came at least", "从预警到确认故障修复完成的时间，即至少提前的时间";
        FALSE_ALARMS = "false_alarms_a_device_month", Warnings, Count, "False alarms a machine and month", "每台每月误报",
            "Warnings judged as no fault / 30 days of each machine of the profile that was known in the span", "判定为无故障的预警 ÷ 期间已知该机型设备的台月数（30 天）";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_of_the_site_stand_in_the_texts() {
        let numbers = Numbers {
            repeat_days: 60,
            call_back_hours: 12,
            good_rating: 3,
            satisfied: 0.955,
            repeat_repair: 0.05,
            answered: 1.0,
            called_back: 0.9,
            in_time: 1.0,
            complaints: 1.0,
        };
        assert_eq!(numbers.fill(&CALLED_BACK.name()).en, "Called back within 12 h");
        assert_eq!(
            numbers.fill(&SATISFIED.target().expect("there is one")).en,
            "at least 95.5 %"
        );
        let texts = ALL
            .iter()
            .flat_map(|kind| [Some(kind.name()), Some(kind.definition()), kind.target()]);
        for text in texts.flatten() {
            let filled = numbers.fill(&text);
            assert!(!filled.en.contains('{') && !filled.zh.contains('{'), "{filled:?}");
        }
    }

    #[test]
    fn every_figure_has_its_own_key_and_says_what_it_means_in_each_language() {
        let keys: BTreeSet<_> = ALL.iter().map(|kind| kind.key).collect();
        assert_eq!(keys.len(), ALL.len());
        for kind in ALL.iter().chain(rules::ALL) {
            for said in [kind.name(), kind.definition()] {
                assert!(!said.en.is_empty() && !said.zh.is_empty(), "{}", kind.key);
            }
        }
    }
}
