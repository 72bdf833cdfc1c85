//! Secrets in settings: which are named, and those that were written in clear text instead.

use crate::report::Report;
use crate::scalar::Scalar;
use crate::shape::{Id, Shape, Shapes};
use crate::source::Node;

impl Shapes {
    /// Collects the names of secrets below a node that fits its shape, each with its path.
    pub fn secrets<'s>(
        &self,
        node: Node<'s>,
        id: Id,
        path: &mut String,
        found: &mut Vec<(Node<'s>, String)>,
    ) {
        match self.get(id) {
            Shape::Map(map) if map.secret => {
                found.extend(node.get("secret").map(|name| (name, path.clone())));
            }
            Shape::Map(map) => {
                for (key, value) in node.pairs() {
                    let shape = map.field(key.text()).map(|field| field.shape).or(map.others);
                    let Some(shape) = shape else { continue };
                    below(path, key.text(), |path| self.secrets(value, shape, path, found));
                }
            }
            Shape::List { first, item, .. } => {
                for (i, value) in node.items().enumerate() {
                    let shape = first.get(i).copied().unwrap_or(*item);
                    below(path, &i.to_string(), |path| self.secrets(value, shape, path, found));
                }
            }
            Shape::OneOf(options) => {
                if let Some(option) = self.likeliest(node, options) {
                    self.secrets(node, option, path, found);
                }
            }
            _ => {}
        }
    }
}

fn below(path: &mut String, step: &str, work: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(step);
    work(path);
    path.truncate(length);
}

/// Does not repeat what was written: findings are shown and logged.
pub(crate) fn in_clear_text(node: Node<'_>, report: &mut Report) {
    let problem = match node.scalar() {
        Some(Scalar::Text("")) => "the name of a secret is expected here",
        _ => "a secret stands here in clear text, where every reader of the configuration sees it",
    };
    let remedy = "store it with `tagwerk secret set NAME`, and write `{secret: NAME}` here";
    report.error(node, problem, remedy);
}
