//! A page of the console, with its address and its route.

use super::{Name, write_new};
use crate::workspace::Workspace;
use anyhow::{Context, Result};

const ROUTES: &str = "console/src/routes.tsx";
const PATHS: &str = "console/src/paths.ts";

/// Makes the page and says what to do next.
pub fn create(workspace: &Workspace, name: &Name) -> Result<String> {
    let (kebab, camel) = (name.kebab(), name.camel());
    let path = format!("console/src/pages/{camel}Page.tsx");
    let title = name.title();
    let text = format!(
        "/** {title}: what it shows, and what it leaves to other pages. */\n\
         import {{ useTitle }} from '../hooks/useTitle'\n\n\
         export function {camel}Page() {{\n  useTitle('{title}')\n  return (\n    \
         <div className=\"page\">\n      <h1>{title}</h1>\n      \
         <p>There is nothing here yet.</p>\n    </div>\n  )\n}}\n"
    );
    write_new(workspace, &path, &text)?;
    let import = format!("import {{ {camel}Page }} from './pages/{camel}Page'");
    super::list::add_sorted(workspace, ROUTES, "import { ", &import).context("the import")?;
    let key = kebab.split_once('-').map_or(kebab.to_owned(), |_| lower_first(&camel));
    // Before the route of unknown addresses, which is the last.
    let route = format!("              {{ path: paths.{key}, element: <{camel}Page /> }},");
    insert_before(workspace, ROUTES, "{ path: '*'", &route)?;
    insert_before(workspace, PATHS, "  settings: ", &format!("  {key}: '/{kebab}',"))?;
    Ok(format!(
        "made {path}, and its lines in {ROUTES} and {PATHS}\nnext: link to it from Frame.tsx, load \
         its data in the route;\n      npm --prefix console run lint"
    ))
}

fn lower_first(camel: &str) -> String {
    camel[..1].to_lowercase() + &camel[1..]
}

fn insert_before(workspace: &Workspace, path: &str, mark: &str, line: &str) -> Result<()> {
    let text = workspace.read(path)?;
    let mut lines: Vec<&str> = text.lines().collect();
    let place = lines
        .iter()
        .position(|other| other.trim_start().starts_with(mark.trim_start()))
        .with_context(|| format!("{path} has no line that begins with `{mark}`"))?;
    lines.insert(place, line);
    workspace.write(path, &(lines.join("\n") + "\n"))
}
