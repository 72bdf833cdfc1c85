/** What can be written in a configuration: every driver and sink, from what the edge says of itself. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useSearchParams } from 'react-router'

import { componentsQuery } from '../api/queries'
import type { Spec } from '../api/types'
import { settingRows } from '../lib/schema'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { SelectField } from '../ui/Field'
import { Prose } from '../ui/Prose'

interface Props {
  onClose: () => void
  onInsert: ((text: string) => void) | undefined
}

export function Reference({ onClose, onInsert }: Props) {
  const { drivers, sinks } = useSuspenseQuery(componentsQuery).data
  const [search, setSearch] = useSearchParams()
  const wanted = search.get('component')
  const all = [...drivers.map((spec) => ({ spec, kind: 'driver' })), ...sinks.map((spec) => ({ spec, kind: 'sink' }))]
  const chosen = all.find(({ spec, kind }) => `${kind}:${spec.name}` === wanted) ?? all[0]
  const choose = (value: string) =>
    setSearch(
      (before) => {
        before.set('component', value)
        return before
      },
      { replace: true },
    )
  return (
    <Dialog title="Reference" kind="drawer" onClose={onClose}>
      <SelectField label="Driver or sink" value={chosen === undefined ? '' : `${chosen.kind}:${chosen.spec.name}`} onChange={(event) => choose(event.target.value)}>
        <optgroup label="Drivers">
          {drivers.map((spec) => (
            <option key={spec.name} value={`driver:${spec.name}`}>
              {spec.name}
            </option>
          ))}
        </optgroup>
        <optgroup label="Sinks">
          {sinks.map((spec) => (
            <option key={spec.name} value={`sink:${spec.name}`}>
              {spec.name}
            </option>
          ))}
        </optgroup>
      </SelectField>
      {chosen === undefined ? (
        <p>This edge has no drivers or sinks.</p>
      ) : (
        <Component spec={chosen.spec} onInsert={onInsert} />
      )}
    </Dialog>
  )
}

function Component({ spec, onInsert }: { spec: Spec; onInsert: ((text: string) => void) | undefined }) {
  const rows = settingRows(spec.settings)
  return (
    <>
      <p>
        <Prose text={spec.summary} />
      </p>
      {spec.abilities.length > 0 && <p className="small muted">It can: {spec.abilities.join(', ')}.</p>}
      <section aria-labelledby="ref-settings">
        <h3 id="ref-settings">Settings</h3>
        {rows.length === 0 ? (
          <p className="muted">It has none.</p>
        ) : (
          <dl className="settings-list">
            {rows.map((row) => (
              <div key={row.name}>
                <dt>
                  <code>{row.name}</code>
                  <span className="muted small">
                    {row.type}
                    {row.required ? ', required' : row.standard === undefined ? ', optional' : `, default ${row.standard}`}
                  </span>
                </dt>
                <dd>
                  <Prose text={row.description} />
                  {row.choices.length > 0 && (
                    <span className="small muted">
                      {' '}
                      One of {row.choices.map((choice, index) => (
                        <span key={choice}>
                          {index > 0 && ', '}
                          <code>{choice}</code>
                        </span>
                      ))}
                      .
                    </span>
                  )}
                </dd>
              </div>
            ))}
          </dl>
        )}
      </section>
      {spec.addresses.length > 0 && (
        <section aria-labelledby="ref-addresses">
          <h3 id="ref-addresses">Addresses</h3>
          <dl className="settings-list">
            {spec.addresses.map((address) => (
              <div key={address.form}>
                <dt>
                  <code>{address.form}</code>
                  <span className="muted small">
                    such as <code>{address.example}</code>
                  </span>
                </dt>
                <dd>
                  <Prose text={address.meaning} />
                </dd>
              </div>
            ))}
          </dl>
          {spec.data_types.length > 0 && <p className="small muted">Types: {spec.data_types.join(', ')}.</p>}
        </section>
      )}
      <section aria-labelledby="ref-example">
        <h3 id="ref-example">Example of its settings</h3>
        <pre className="example">{spec.example}</pre>
        <Button
          icon="plus"
          onClick={() => onInsert?.(spec.example.endsWith('\n') ? spec.example : `${spec.example}\n`)}
          whyNot={onInsert === undefined ? 'Changing the configuration needs the role engineer.' : undefined}
        >
          Insert at the cursor
        </Button>
      </section>
    </>
  )
}
