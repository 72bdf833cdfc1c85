/** Tables in and out: what a file would change, row by row, before anything is applied; and what there is, as a file. */
import { useMutation, useSuspenseQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { api, type FileAnswer } from '../../api/client'
import { configQuery, devicesQuery, queryClient } from '../../api/queries'
import type { ImportAnswer, ImportFinding } from '../../api/exchange'
import type { ApplyResult, Device } from '../../api/types'
import { ChangeList, EffectList, TemplateChanges } from '../../components/ChangeList'
import { Failure } from '../../components/Failure'
import { NeedsRole } from '../../components/NeedsRole'
import { PageHead } from '../../components/PageHead'
import { ConfigTabs } from '../../components/Tabs'
import { ReviewChanges } from '../../forms/ReviewChanges'
import { useTitle } from '../../hooks/useTitle'
import { download } from '../../lib/download'
import { bytes, count, plural } from '../../lib/numbers'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { SelectField } from '../../ui/Field'
import { Icon } from '../../ui/Icon'
import { Notice } from '../../ui/Notice'
import { Prose } from '../../ui/Prose'

/** As the edge bounds it. */
const fileMax = 16 * 1024 * 1024

const formats: [string, string][] = [
  ['auto', 'Find out by itself'],
  ['csv', 'CSV'],
  ['xlsx', 'Excel (XLSX)'],
  ['neuron', 'Neuron export'],
  ['thingspro', 'ThingsPro Modbus CSV'],
]

export function ImportPage() {
  useTitle('Import and export')
  return (
    <div className="page">
      <PageHead title="Import and export" lead="Devices and tags as a table, for a spreadsheet. An import shows what it would change and what is wrong, row by row; nothing is applied before you say so." />
      <ConfigTabs />
      <NeedsRole needed="engineer" what="Importing and exporting">
        <Import />
        <Export />
      </NeedsRole>
    </div>
  )
}

function Import() {
  const running = useSuspenseQuery(configQuery).data
  const [file, setFile] = useState<File | undefined>()
  const [format, setFormat] = useState('auto')
  const [mode, setMode] = useState('merge')
  const [over, setOver] = useState(false)
  const [reviewing, setReviewing] = useState(false)
  const [applied, setApplied] = useState<ApplyResult | undefined>()
  const check = useMutation({ mutationFn: ({ chosen, as, how }: { chosen: File; as: string; how: string }) => api.importFile(chosen, as, how) })
  const look = (chosen: File | undefined, as = format, how = mode) => {
    setApplied(undefined)
    setFile(chosen)
    check.reset()
    if (chosen !== undefined && chosen.size <= fileMax) check.mutate({ chosen, as, how })
  }
  const answer = check.data
  return (
    <section className="panel" aria-labelledby="import">
      <header>
        <h2 id="import">Import</h2>
      </header>
      <div className="body form">
        <div
          className={over ? 'drop over' : 'drop'}
          onDragOver={(event) => {
            event.preventDefault()
            setOver(true)
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault()
            setOver(false)
            look(event.dataTransfer.files[0])
          }}
        >
          <label className="button open-file">
            <Icon name="upload" />
            Choose a file…
            <input
              type="file"
              className="visually-hidden"
              accept=".csv,.xlsx,.json,.txt"
              aria-label="File to import"
              onChange={(event) => {
                look(event.currentTarget.files?.[0])
                event.currentTarget.value = ''
              }}
            />
          </label>
          <span className="muted">or drop it here: CSV, Excel, an export of Neuron, or a Modbus table of ThingsPro</span>
          {file !== undefined && (
            <span>
              <strong>{file.name}</strong>, {bytes(file.size)}
            </span>
          )}
        </div>
        <div className="two-fields">
          <SelectField
            label="What the file is"
            value={format}
            onChange={(event) => {
              setFormat(event.target.value)
              if (file !== undefined) look(file, event.target.value)
            }}
          >
            {formats.map(([value, title]) => (
              <option key={value} value={value}>
                {title}
              </option>
            ))}
          </SelectField>
          <SelectField
            label="Devices that the configuration has already"
            value={mode}
            hint={mode === 'merge' ? 'Their tags are changed or added; what the file does not name stays.' : 'Devices of the file take the place of those of the same name; tags that the file does not name are removed.'}
            onChange={(event) => {
              setMode(event.target.value)
              if (file !== undefined) look(file, format, event.target.value)
            }}
          >
            <option value="merge">are merged with the file</option>
            <option value="replace">are replaced by the file</option>
          </SelectField>
        </div>
        <div role="status" className="form">
          {check.isPending && <p className="muted">Reading {file?.name}…</p>}
          {file !== undefined && file.size > fileMax && (
            <Notice tone="bad" title={`The file has ${bytes(file.size)}; ${bytes(fileMax)} are the most`}>
              <span>Split it into several files and import one after the other.</span>
            </Notice>
          )}
          {check.error !== null && <Failure error={check.error} />}
          {applied !== undefined && (
            <Notice tone="good" title={`Revision ${applied.revision} is running`}>
              <span>
                {plural(applied.changes, 'change')} applied. <Link to={paths.overview}>See on the overview whether all tags stay good</Link>
              </span>
            </Notice>
          )}
          {answer !== undefined && <Summary answer={answer} />}
        </div>
      </div>
      {answer !== undefined && <Answer answer={answer} onReview={() => setReviewing(true)} />}
      {reviewing && typeof answer?.document === 'string' && (
        <ReviewChanges
          draft={{ base: running?.revision ?? 0, text: answer.document }}
          running={running}
          comment={`Import of ${file?.name ?? 'a table'}`}
          onClose={() => setReviewing(false)}
          onDiscard={() => {
            setReviewing(false)
            look(undefined)
          }}
          // The file is merged with what runs by now.
          onRebase={() => {
            setReviewing(false)
            look(file)
          }}
          onApplied={async (result) => {
            setReviewing(false)
            look(undefined)
            setApplied(result)
            await queryClient.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'diff' })
          }}
        />
      )}
    </section>
  )
}

function Summary({ answer }: { answer: ImportAnswer }) {
  const errors = answer.findings.filter((finding) => finding.weight === 'error').length
  const warnings = answer.findings.length - errors
  const what = `${count(answer.rows)} rows of ${answer.kind}: ${plural(answer.devices, 'device')}, ${plural(answer.tags, 'tag')}`
  if (answer.document === null) {
    return (
      <Notice tone="bad" title={`${what}. ${plural(errors, 'error')}: nothing can be imported yet`}>
        <span>Mend the rows below in the file, and choose it again.</span>
      </Notice>
    )
  }
  return (
    <Notice tone={warnings > 0 ? 'warn' : 'good'} title={what}>
      <span>{warnings > 0 ? `${plural(warnings, 'warning')}; it can be imported all the same.` : 'No row has a fault.'} Nothing is applied yet.</span>
    </Notice>
  )
}

function Answer({ answer, onReview }: { answer: ImportAnswer; onReview: () => void }) {
  const devices = useSuspenseQuery(devicesQuery).data.items
  return (
    <>
      {answer.findings.length > 0 && <Findings findings={answer.findings} dropped={answer.findings_dropped} />}
      {answer.assumed.length > 0 && (
        <div className="body">
          <h3>Taken for granted</h3>
          <ul className="plain-list">
            {answer.assumed.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </div>
      )}
      {answer.not_translated.length > 0 && (
        <div className="body">
          <h3>Not translated</h3>
          <ul className="plain-list">
            {answer.not_translated.map((each) => (
              <li key={`${each.what} ${each.where}`}>
                <strong>{each.what}</strong> ({each.where}): {each.why}
              </li>
            ))}
          </ul>
        </div>
      )}
      {answer.diff !== null && (
        <div className="body form">
          <section aria-labelledby="import-effects">
            <h3 id="import-effects">What happens to the devices</h3>
            <EffectList effects={answer.diff.effects} devices={devices} />
          </section>
          <TemplateChanges templates={answer.diff.templates ?? []} />
          <details>
            <summary>{plural(answer.diff.changes.length, 'change')}</summary>
            <ChangeList changes={answer.diff.changes} />
          </details>
          <div>
            <Button kind="primary" onClick={onReview} whyNot={answer.diff.changes.length === 0 ? 'The file changes nothing.' : undefined}>
              Review and apply
            </Button>
          </div>
        </div>
      )}
    </>
  )
}

const findingsShown = 200

function Findings({ findings, dropped }: { findings: ImportFinding[]; dropped: number }) {
  const [all, setAll] = useState(false)
  const shown = all ? findings : findings.slice(0, findingsShown)
  return (
    <>
      <table className="table import-findings">
        <caption className="visually-hidden">Findings by row</caption>
        <thead>
          <tr>
            <th scope="col">Where</th>
            <th scope="col">Column</th>
            <th scope="col">Value</th>
            <th scope="col">Problem</th>
            <th scope="col">What to do</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((finding) => (
            <tr key={`${finding.sheet}/${finding.row}/${finding.column}/${finding.problem}`} className={finding.weight}>
              <th scope="row">
                <Icon name={finding.weight === 'error' ? 'cross' : 'warning'} />
                <span className="visually-hidden">{finding.weight}, </span>
                {finding.sheet !== null && `${finding.sheet}, `}
                {finding.row === null ? 'the file' : `row ${finding.row}`}
              </th>
              <td data-label="Column">{finding.column ?? '–'}</td>
              <td data-label="Value">{finding.value === null ? '–' : <code>{finding.value}</code>}</td>
              <td data-label="Problem">
                <Prose text={finding.problem} />
              </td>
              <td data-label="What to do">
                <Prose text={finding.remedy} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {(findings.length > shown.length || dropped > 0) && (
        <div className="body buttons">
          {findings.length > shown.length && <Button onClick={() => setAll(true)}>Show all {count(findings.length)}</Button>}
          {dropped > 0 && <span className="muted">and {count(dropped)} more that are not listed: mend these first.</span>}
        </div>
      )}
    </>
  )
}

function Export() {
  const devices = useSuspenseQuery(devicesQuery).data.items
  const [format, setFormat] = useState('xlsx')
  const [chosen, setChosen] = useState<string[]>([])
  const take = useMutation({
    mutationFn: (empty: boolean) => (empty ? api.emptyFile(format) : api.exportFile(format, chosen)),
    onSuccess: (file: FileAnswer) => download(file.name, file.content),
  })
  return (
    <section className="panel" aria-labelledby="export">
      <header>
        <h2 id="export">Export</h2>
      </header>
      <div className="body form">
        <SelectField label="Format" value={format} onChange={(event) => setFormat(event.target.value)}>
          <option value="xlsx">Excel (XLSX)</option>
          <option value="csv">CSV</option>
        </SelectField>
        {devices.length === 0 ? (
          <p>There are no devices to export yet. The empty table below shows which columns an import takes.</p>
        ) : (
          <DeviceChoice devices={devices} chosen={chosen} onChange={setChosen} />
        )}
        {take.error !== null && <Failure error={take.error} />}
        <div className="buttons">
          <Button kind="primary" icon="download" busy={take.isPending} onClick={() => take.mutate(false)} whyNot={devices.length === 0 ? 'There are no devices yet.' : undefined}>
            Export {chosen.length === 0 ? 'all devices' : plural(chosen.length, 'device')}
          </Button>
          <Button icon="download" busy={take.isPending} onClick={() => take.mutate(true)}>
            Empty table with an example
          </Button>
        </div>
      </div>
    </section>
  )
}

function DeviceChoice({ devices, chosen, onChange }: { devices: Device[]; chosen: string[]; onChange: (names: string[]) => void }) {
  return (
    <fieldset className="sub-form">
      <legend>Devices</legend>
      <p className="small muted">With none chosen, all are exported.</p>
      <div className="choices">
        {devices.map((device) => (
          <label key={device.name} className="checkbox">
            <input type="checkbox" checked={chosen.includes(device.name)} onChange={(event) => onChange(event.target.checked ? [...chosen, device.name] : chosen.filter((name) => name !== device.name))} />
            {device.name}
            <span className="muted small">{plural(device.tags.total, 'tag')}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
