//! Which receiver gets which message, and when. Pure.

use super::super::kind_of;
use super::config::ReceiverConfig;
use super::note::{Note, Phase};
use alerting::calendar::{Calendar, Hours};
use alerting::effect::{Message, Outgoing};
use alerting::stock::PARTS_KEEPERS;
use alerting::ticket::TicketChange;
use domain::{Millis, Timestamp};

/// A receiver with its working hours.
#[derive(Debug, Clone)]
pub struct Route {
    /// As configured.
    pub config: ReceiverConfig,
    hours: Option<Calendar>,
}

impl Route {
    /// Makes the calendar. Hours that cannot be are none: the configuration was checked before.
    pub fn new(config: ReceiverConfig) -> Route {
        let hours = config.hours.as_ref().and_then(|hours| hours.check("", &mut Vec::new()));
        Route { config, hours }
    }

    /// When the message is to be sent to it; none: never.
    pub fn send_at(&self, message: &Message, now: Timestamp) -> Option<Timestamp> {
        if !self.wants(message) {
            return None;
        }
        match &self.hours {
            Some(_) if self.config.always_emergencies && message.about.is_emergency => Some(now),
            Some(calendar) => {
                // one millisecond of working time from now on: used up at once inside the hours
                let begins = Timestamp(calendar.due(Hours::Working, now, Millis(1)).0 - 1);
                match begins <= now {
                    true => Some(now),
                    false => self.config.kind.keeps_state().then_some(begins),
                }
            }
            None => Some(now),
        }
    }

    fn wants(&self, message: &Message) -> bool {
        (self.config.drills || !message.site.is_drill()) && self.would_tell(message)
    }

    /// Whether it takes a message, were it of a real site.
    pub fn would_tell(&self, message: &Message) -> bool {
        let config = &self.config;
        let keeps_state = config.kind.keeps_state();
        if !config.events().contains(&kind_of(&message.content)) || is_archived(message) {
            return false;
        }
        if message.notice.is_none() && !keeps_state && !config.follow_ups {
            return false;
        }
        self.covers(message)
            && self.is_addressed(message)
            && (self.is_grave(message) || (keeps_state && is_over(message)))
    }

    fn covers(&self, message: &Message) -> bool {
        let (scope, about) = (&self.config.covers, &message.about);
        match &message.device {
            Some(device) => scope.covers(device, &about.profile, &about.asset),
            // of a whole site: only the sites can choose
            None => {
                let fits = |pattern: &String| domain::registry::matches(pattern, message.site.as_str());
                let is_by_machine =
                    !(scope.devices.is_empty() && scope.profiles.is_empty() && scope.customers.is_empty());
                !is_by_machine && (scope.sites.is_empty() || scope.sites.iter().any(fits))
            }
        }
    }

    /// Whether one of its people or groups was told; a receiver without any is for everybody.
    fn is_addressed(&self, message: &Message) -> bool {
        let (people, groups) = (&self.config.people, &self.config.groups);
        if people.is_empty() && groups.is_empty() {
            return true;
        }
        let is_one = |told: &String| match told.strip_prefix("group:") {
            Some(group) => groups.iter().any(|g| g == group),
            None => people.contains(told),
        };
        match &message.content {
            Outgoing::Ticket(ticket) => ticket.people.iter().any(is_one),
            Outgoing::Incident(incident) => incident.people.iter().any(is_one),
            Outgoing::Parts(_) => groups.iter().any(|group| group == PARTS_KEEPERS),
            Outgoing::Alarm(_) | Outgoing::Service(_) | Outgoing::Summary(_) => false,
        }
    }

    fn is_grave(&self, message: &Message) -> bool {
        let is_severe = self
            .config
            .from_severity
            .is_none_or(|from| message.about.severity >= Some(from));
        let is_urgent = match (&message.content, self.config.from_priority) {
            // P1 comes first
            (Outgoing::Ticket(ticket), Some(from)) => ticket.priority <= from,
            (_, _) => true,
        };
        is_severe && is_urgent
    }
}

fn is_over(message: &Message) -> bool {
    let note = Note::of(message, domain::text::Language::En, None);
    note.phase == Phase::Over || note.rating == Some(Phase::Over)
}

fn is_archived(message: &Message) -> bool {
    matches!(&message.content, Outgoing::Ticket(ticket) if ticket.change == TicketChange::Archived)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{AT, alarm_message, config, ticket_message};
    use super::*;
    use alerting::ticket::Actor;

    const SLACK: &str = "name = 'a'\nkind = 'slack'\nurl = 'https://hooks.example/x'\n";
    const PAGER: &str = "name = 'p'\nkind = 'pagerduty'\nrouting_key = 'k'\n";

    fn check(toml: &str, message: &Message, expected: Option<Timestamp>) {
        let route = Route::new(config(toml));
        assert_eq!(route.send_at(message, AT), expected, "{toml}");
    }

    #[test]
    fn labels_severity_and_people_choose() {
        let alarm = alarm_message("unacknowledged");
        for (more, is_sent) in [
            ("", true),
            ("events = ['ticket']", false),
            ("from_severity = 'critical'", true),
            ("[covers]\nsites = ['har*']\ncustomers = ['Water*']", true),
            ("[covers]\nprofiles = ['elevator']", false),
            ("groups = ['supervisors']", false),
        ] {
            check(&format!("{SLACK}{more}"), &alarm, is_sent.then_some(AT));
        }
        let change = TicketChange::Told {
            level: 2,
            people: vec![],
            because: alerting::ticket::ToldBecause::Unanswered,
        };
        let told = ticket_message(2, change, Actor::System);
        for (more, is_sent) in [
            ("groups = ['supervisors']", true),
            ("people = ['li']", true),
            ("people = ['wang']", false),
            ("from_priority = 'P2'", true),
            ("from_priority = 'P1'", false),
        ] {
            check(&format!("{SLACK}{more}"), &told, is_sent.then_some(AT));
        }
    }

    #[test]
    fn who_keeps_a_state_hears_that_it_is_over() {
        let mut over = alarm_message("normal");
        over.notice = None;
        check(SLACK, &over, None);
        check(&format!("{SLACK}follow_ups = true"), &over, Some(AT));
        over.about.severity = Some(domain::Severity::Advisory);
        check(&format!("{PAGER}from_severity = 'critical'"), &over, Some(AT));
    }

    #[test]
    fn outside_the_hours_only_emergencies_are_told() {
        // AT is a Thursday, 08:00 UTC: 16:00 in Shanghai, 04:00 in New York
        let hours = |zone: &str| format!("always_emergencies = true\nhours = {{ time_zone = '{zone}' }}");
        let mut alarm = alarm_message("unacknowledged");
        check(&format!("{SLACK}{}", hours("Asia/Shanghai")), &alarm, Some(AT));
        let night = hours("America/New_York");
        check(&format!("{SLACK}{night}"), &alarm, None);
        let nine = AT + Millis::hours(5);
        check(&format!("{PAGER}{night}"), &alarm, Some(nine));
        alarm.about.is_emergency = true;
        check(&format!("{SLACK}{night}"), &alarm, Some(AT));
    }
}
