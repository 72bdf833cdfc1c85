//! What stations have reported, by type and address, as nodes to pick tags from.

use crate::address::{Monitored, Part};
use crate::point::{Point, suggested};
use crate::stations::{Seen, Stations};
use std::collections::BTreeMap;
use tagwerk_component::{BrowseNode, BrowsePage, BrowseRequest};
use tagwerk_model::limits;
use tagwerk_proto_iec104::{Family, TimeForm, TypeId};

pub fn page(stations: &Stations, common_address: u16, request: &BrowseRequest<'_>) -> BrowsePage {
    match request.from {
        "" => BrowsePage { nodes: families(stations, common_address), more: None },
        from => {
            let family = TypeId::from_name(from).map(TypeId::family);
            let after = request.after.and_then(|after| after.parse().ok()).unwrap_or(0u32);
            family.map_or_else(BrowsePage::default, |family| {
                points(stations, common_address, family, after)
            })
        }
    }
}

fn families(stations: &Stations, common_address: u16) -> Vec<BrowseNode> {
    let mut counts: BTreeMap<Family, usize> = BTreeMap::new();
    for (_, family, _) in stations.points(common_address) {
        *counts.entry(family).or_default() += 1;
    }
    let node = |(family, count): (Family, usize)| BrowseNode {
        id: type_of(family).to_owned(),
        name: format!("{} ({})", family.name(), type_of(family)),
        inside: true,
        description: Some(match count {
            1 => "1 point".to_owned(),
            count => format!("{count} points"),
        }),
        ..BrowseNode::default()
    };
    counts.into_iter().map(node).collect()
}

fn points(stations: &Stations, common_address: u16, family: Family, after: u32) -> BrowsePage {
    let mut found = stations
        .points(common_address)
        .filter(|(object, of, _)| *of == family && *object > after)
        .map(|(object, family, seen)| node(object, family, seen));
    let nodes: Vec<BrowseNode> = found.by_ref().take(limits::PAGE_ITEMS_MAX).collect();
    let more = found.next().and_then(|_| nodes.last()).map(|node| node.name.clone());
    BrowsePage { nodes, more }
}

fn node(object: u32, family: Family, seen: &Seen) -> BrowseNode {
    let data_type = suggested(family);
    let address = Monitored { family: Some(family), object, part: Part::Value };
    let (value, quality) = Point { address, data_type }.read(&seen.element, seen.time.as_ref());
    let id = format!("{}:{object}", type_of(family));
    let element = seen.element.to_string();
    BrowseNode {
        name: object.to_string(),
        address: Some(id.clone()),
        id,
        inside: false,
        data_type: Some(data_type),
        write: false,
        description: Some(match quality.is_good() {
            true => element,
            false => format!("{element}: {}", quality.reason()),
        }),
        unit: None,
        value,
    }
}

/// The plainest type of a family: without time tag where there is one.
fn type_of(family: Family) -> &'static str {
    let of = |time| TypeId::all().find(|id| id.family() == family && id.time() == time);
    of(TimeForm::None).or_else(|| of(TimeForm::Cp56)).map_or("", TypeId::name)
}
