/** What a configuration would change, and what that does to the devices. */
import type { Change, Device, Effect, TemplateChange } from '../api/types'
import { count, plural } from '../lib/numbers'
import { Icon, type IconName } from '../ui/Icon'

const effects: Record<Effect['kind'], [IconName, string]> = {
  starts: ['plus', 'starts: new, it is connected and polled'],
  stops: ['close', 'stops: it is polled no more'],
  restarts: ['turning', 'restarts: its link is closed and opened again, with a short gap in its data'],
  changes: ['pencil', 'changes without a restart: its link stays open'],
}

export function EffectList({ effects: list, devices }: { effects: Effect[]; devices: Device[] }) {
  const touched = new Set(list.map((effect) => effect.device))
  const kept = devices.filter((device) => !touched.has(device.name))
  return (
    <ul className="effects">
      {list.map((effect) => {
        const [icon, text] = effects[effect.kind]
        return (
          <li key={effect.device} className={effect.kind}>
            <Icon name={icon} />
            <span>
              <strong>{effect.device}</strong> {text}
              {effect.groups.length > 0 && (
                <span className="muted"> (group{effect.groups.length > 1 ? 's' : ''} {effect.groups.join(', ')})</span>
              )}
            </span>
          </li>
        )
      })}
      {kept.length > 0 && (
        <li className="keeps">
          <Icon name="check" />
          <span>
            <strong>{plural(kept.length, 'device')}</strong> {kept.length === 1 ? 'keeps' : 'keep'} polling undisturbed
            {kept.length <= 6 && <span className="muted"> ({kept.map((device) => device.name).join(', ')})</span>}
          </span>
        </li>
      )}
    </ul>
  )
}

/** Which templates change, and which devices are made from them. */
export function TemplateChanges({ templates }: { templates: TemplateChange[] }) {
  if (templates.length === 0) return null
  return (
    <section aria-labelledby="template-changes">
      <h3 id="template-changes">Templates</h3>
      <ul className="plain-list">
        {templates.map((template) => (
          <li key={template.name}>
            <strong>{template.name}</strong> is {template.change}
            {template.devices.length === 0 ? '; no device is made from it' : `; ${plural(template.devices.length, 'device')} made from it: ${template.devices.join(', ')}`}
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Beyond this a person reads no more; the line-by-line difference has them all. */
const changesShown = 300

/** The edge writes values as JSON; the quotes of a plain text say nothing to a reader. */
function plain(json: string): string {
  return /^"[^"\\]*"$/.test(json) ? json.slice(1, -1) : json
}

const signs: Record<Change['kind'], string> = { added: '+', removed: '−', changed: '~' }

export function ChangeList({ changes }: { changes: Change[] }) {
  if (changes.length === 0) return <p className="muted">Nothing changes in what the edge does.</p>
  return (
    <ul className="changes">
      {changes.slice(0, changesShown).map((change) => (
        <li key={`${change.kind} ${change.path}`} className={change.kind}>
          <span className="sign" aria-hidden="true">
            {signs[change.kind]}
          </span>
          <span>
            <span className="visually-hidden">{change.kind} </span>
            <code>{change.path}</code>
          </span>
          <span className="change-values">
            {change.before !== undefined && <del>{plain(change.before)}</del>}
            {change.before !== undefined && change.after !== undefined && <span aria-hidden="true">→</span>}
            {change.after !== undefined && <ins>{plain(change.after)}</ins>}
          </span>
        </li>
      ))}
      {changes.length > changesShown && <li className="muted">and {count(changes.length - changesShown)} more: see them line by line.</li>}
    </ul>
  )
}
