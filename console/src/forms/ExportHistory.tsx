/** Takes stored samples along as a file: of which time, which tags, in which format. */
import { useState } from 'react'

import { fileFormats, historyFile, type FileFormat } from '../api/files'
import { Failure } from '../components/Failure'
import { useFile } from '../hooks/useFile'
import { exportRange, exportSpans, patternsIn, type ExportSpan } from '../lib/fileChoice'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { TextField } from '../ui/Field'

const meanings: Record<FileFormat, string> = {
  parquet: 'Small, exact and typed: for DuckDB, Python, Spark, Power BI.',
  csv: 'Text, some ten times larger: for spreadsheets.',
}

export function ExportHistory({ oldest, onClose }: { oldest: string | null; onClose: () => void }) {
  const [span, setSpan] = useState<ExportSpan>('24h')
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const [tags, setTags] = useState('*')
  const [format, setFormat] = useState<FileFormat>('parquet')
  const [now] = useState(() => Date.now())
  const range = exportRange(span, { from, to }, oldest, now)
  const { patterns, problem } = patternsIn(tags)
  const address = 'problem' in range ? undefined : historyFile(format, range.from, range.to, patterns)
  const file = useFile()
  const wrongTime = 'problem' in range ? range.problem : undefined
  return (
    <Dialog
      title="Export history"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Close</Button>
          {problem !== undefined || address === undefined ? (
            <Button kind="primary" icon="download" whyNot={problem === undefined ? wrongTime : 'Mend the tags first.'}>
              Download
            </Button>
          ) : (
            <Button kind="primary" icon="download" busy={file.isBusy(address)} onClick={() => file.take(address)}>
              Download
            </Button>
          )}
        </>
      }
    >
      <fieldset className="segments">
        <legend>Time</legend>
        {exportSpans.map(([key, label]) => (
          <label key={key}>
            <input type="radio" name="export-span" checked={span === key} onChange={() => setSpan(key)} />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      {span === 'own' && (
        <div className="own-times">
          <TextField label="From" type="datetime-local" step={1} value={from} onChange={(event) => setFrom(event.target.value)} />
          <TextField label="To" type="datetime-local" step={1} value={to} problem={from !== '' && to !== '' ? wrongTime : undefined} onChange={(event) => setTo(event.target.value)} />
        </div>
      )}
      <TextField label="Tags" hint="* for all, or device/tag with * and ?, several with spaces between" autoComplete="off" autoCapitalize="none" spellCheck={false} value={tags} problem={problem} onChange={(event) => setTags(event.target.value)} />
      <fieldset className="segments">
        <legend>Format</legend>
        {fileFormats.map(([key, label]) => (
          <label key={key}>
            <input type="radio" name="export-format" checked={format === key} onChange={() => setFormat(key)} />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <p className="small muted">{meanings[format]} Every sample as it was read, with its quality, time and unit. The download goes on when this is closed.</p>
      {file.error !== null && <Failure error={file.error} />}
    </Dialog>
  )
}
