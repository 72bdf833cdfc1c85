/** What a trend can be taken along as: the samples shown, or every one of its tags and time. */
import { useId, useState } from 'react'

import { fileFormats, historyFile, tagInFile } from '../../api/files'
import { Failure } from '../../components/Failure'
import { useFile } from '../../hooks/useFile'
import type { TagName, View } from '../../lib/trend'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'

interface Props {
  tags: TagName[]
  view: View
  /** why what is shown cannot be had now */
  whyNot: string | undefined
  onShown: () => void
}

export function TrendExport({ tags, view, whyNot, onShown }: Props) {
  const [open, setOpen] = useState(false)
  const id = useId()
  const [from, to] = [view.from, view.to].map((time) => new Date(time).toISOString())
  const files = fileFormats.map(([format, label]) => ({ label, address: historyFile(format, from ?? '', to ?? '', tags.map(tagInFile)) }))
  const file = useFile()
  return (
    <div className="own-range">
      <button type="button" className="button" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <Icon name="download" />
        Export
      </button>
      {open && (
        // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
        <div id={id} className="own-range-form trend-export" onKeyDown={(event) => event.key === 'Escape' && setOpen(false)}>
          <div className="file-links">
            <strong>Every sample of this time</strong>
            <div className="buttons">
              {files.map(({ label, address }) => (
                <Button key={label} icon="download" busy={file.isBusy(address)} onClick={() => file.take(address)}>
                  {label}
                </Button>
              ))}
            </div>
            {file.error !== null && <Failure error={file.error} />}
            <p className="small muted">As stored, exact and never thinned. Parquet for analysis, CSV for spreadsheets.</p>
            <strong>What is shown</strong>
            <div>
              <Button icon="download" onClick={onShown} whyNot={whyNot}>
                Export CSV
              </Button>
            </div>
          </div>
        </div>
      )}
    </div>
  )
}
