//! Mail. The Message-ID comes from the message's key, so that what is sent twice can be told, and every mail about one
//! alarm or ticket refers to one thread.

use super::config::ReceiverConfig;
use super::note::Note;
use super::words;
use lettre::message::{Mailbox, MultiPart};

/// Characters of a subject.
const SUBJECT_CHARS: usize = 200;

/// The mail.
///
/// # Errors
/// An address is none, which the configuration would have said.
pub fn message(config: &ReceiverConfig, note: &Note) -> Result<lettre::Message, String> {
    let address = |text: &str| {
        text.parse::<Mailbox>()
            .map_err(|error| format!("{text} is no mail address: {error}"))
    };
    let from = address(config.from.as_deref().unwrap_or_default())?;
    let domain = from.email.domain().to_owned();
    let thread = message_id("thread", &note.thread, &domain);
    let mut builder = lettre::Message::builder()
        .from(from)
        .message_id(Some(message_id("message", &note.key, &domain)))
        .in_reply_to(thread.clone())
        .references(thread)
        .subject(words::cut(
            &words::headline(note).replace(['\r', '\n'], " "),
            SUBJECT_CHARS,
        ));
    for to in config.to.iter().flatten() {
        builder = builder.to(address(to)?);
    }
    let parts = MultiPart::alternative_plain_html(words::plain(note), html(note));
    builder
        .multipart(parts)
        .map_err(|error| format!("cannot make a mail: {error}"))
}

/// Fit for a Message-ID (RFC 5322, 3.6.4): letters, digits and dots.
fn message_id(what: &str, key: &str, domain: &str) -> String {
    let mut local = String::new();
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => local.push(byte as char),
            b'/' => local.push('.'),
            _ => local.push_str(&format!("_{byte:02x}")),
        }
    }
    format!("<forewarn.{what}.{local}@{domain}>")
}

fn html(note: &Note) -> String {
    let facts = words::facts(note);
    let markup = maud::html! {
        h2 { (words::headline(note)) }
        table {
            @for (label, value) in facts { tr { th align="left" { (label) } td { (value) } } }
        }
        @if let Some(link) = &note.link { p { a href=(link) { (words::link_name(note)) } } }
    };
    markup.into_string()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{alarm, alarm_in, config};
    use super::*;
    use domain::text::Language;

    fn mail(note: &Note) -> String {
        let toml = "name = 'm'\nkind = 'email'\nhost = 'mail.example'\nfrom = 'Forewarn <fw@plant.example>'\n\
                    to = ['li@plant.example', 'wang@plant.example']";
        let mail = message(&config(toml), note).expect("a mail");
        String::from_utf8(mail.formatted()).expect("text")
    }

    #[test]
    fn mails_about_one_alarm_are_one_thread_with_ids_of_their_own() {
        let (first, last) = (mail(&alarm(Language::En)), mail(&alarm_in("normal", Language::En)));
        assert!(
            first.contains(
                "Message-ID: <forewarn.message.harbour.pump-1.bearing_5fwear.1.unacknowledged@plant.example>"
            ),
            "{first}"
        );
        assert!(
            last.contains("Message-ID: <forewarn.message.harbour.pump-1.bearing_5fwear.1.normal@plant.example>"),
            "{last}"
        );
        for mail in [&first, &last] {
            assert!(
                mail.contains("References: <forewarn.thread.harbour.pump-1.bearing_5fwear.1@plant.example>"),
                "{mail}"
            );
        }
        assert!(first.contains("To: li@plant.example, wang@plant.example"), "{first}");
        assert!(
            first.contains("multipart/alternative") && first.contains("vibration 9.2 mm/s"),
            "{first}"
        );
        assert!(
            first.contains("https://fw.example/alarms/harbour/pump-1/bearing_wear/1"),
            "{first}"
        );
    }

    #[test]
    fn what_stands_in_a_mail_is_text() {
        let mut note = alarm(Language::En);
        note.reason = "<script>alert(1)</script>".into();
        assert!(html(&note).contains("&lt;script&gt;"));
    }
}
