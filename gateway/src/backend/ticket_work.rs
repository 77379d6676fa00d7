//! What was written down of the work on a ticket, as pages and programs see it.

use alerting::ticket::{self, Reported, TicketRecord, Visit, Work};
use dashboards::view::{self, Act, Machine, Warranty};
use domain::Timestamp;

fn act(by: &str, at: Timestamp) -> Act {
    Act {
        by: by.to_owned(),
        at: at.into(),
    }
}

fn link_kind_view(kind: ticket::LinkKind) -> view::LinkKind {
    match kind {
        ticket::LinkKind::Relates => view::LinkKind::Relates,
        ticket::LinkKind::Parent => view::LinkKind::Parent,
        ticket::LinkKind::Child => view::LinkKind::Child,
    }
}

pub(super) fn malfunction_view(malfunction: &ticket::Malfunction) -> view::Malfunction {
    view::Malfunction {
        symptom: malfunction.symptom.clone(),
        fault_code: malfunction.fault_code.clone(),
        is_breakdown: malfunction.is_breakdown,
        began_at: malfunction.began_at.map(Into::into),
        ended_at: malfunction.ended_at.map(Into::into),
    }
}

pub(super) fn work_view(work: &Work) -> view::Work {
    let labour = |l: &ticket::Labour| view::Labour {
        entry: l.entry,
        who: l.who.clone(),
        start: l.start.into(),
        seconds: l.seconds,
        rate_cents_per_hour: l.rate_cents_per_hour,
        cost_cents: l.cost_cents(),
    };
    let part = |p: &ticket::PartUsed| view::PartUsed {
        entry: p.entry,
        part: p.part.clone(),
        quantity: p.quantity,
    };
    let check = |c: &ticket::Check| view::Check {
        entry: c.entry,
        text: c.text.clone(),
        done: c.done.as_ref().map(|(by, at)| act(by, *at)),
    };
    let file = |f: &ticket::FileNote| view::TicketFile {
        entry: f.entry,
        name: f.name.clone(),
        content_type: f.content_type.clone(),
        bytes: f.bytes,
        sha256: f.sha256.clone(),
        act: act(&f.by, f.at),
    };
    let link = |l: &ticket::Link| view::Link {
        ticket: l.to.to_string(),
        kind: link_kind_view(l.kind),
    };
    view::Work {
        labour: work.labour.iter().map(labour).collect(),
        labour_seconds: work.labour_seconds(),
        labour_cents: work.labour_cents(),
        parts: work.parts.iter().map(part).collect(),
        checklist: work.checklist.iter().map(check).collect(),
        files: work.files.iter().map(file).collect(),
        links: work.links.iter().map(link).collect(),
        malfunction: malfunction_view(&work.malfunction),
        call_back: work.call_back.as_ref().map(|c| view::CallBack {
            act: act(&c.by, c.at),
            rating: c.rating,
            text: c.text.clone(),
        }),
    }
}

pub(super) fn machine_view(record: &TicketRecord) -> Machine {
    let asset = &record.asset;
    Machine {
        serial_number: asset.serial_number.clone(),
        location: asset.location.clone(),
        customer: asset.customer.clone(),
        profile: record.profile.clone(),
        warranty: asset.in_warranty(record.opened_at).map(|covers| Warranty {
            until: asset.warranty_until.clone(),
            covers,
        }),
    }
}

pub(super) fn reported_view(report: &Reported) -> view::Reported {
    view::Reported {
        by: report.by.clone(),
        description: report.description.clone(),
    }
}

pub(super) fn visit_view(visit: &Visit) -> view::Visit {
    view::Visit {
        from: visit.from.into(),
        due: visit.due.into(),
        until: visit.until.into(),
        proposed: visit.proposed.map(Into::into),
    }
}
