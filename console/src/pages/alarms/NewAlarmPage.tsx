/** An alarm that is not there yet: empty, or for the tag that the address names. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Link, useSearchParams } from 'react-router'

import { configQuery, tagQuery } from '../../api/queries'
import { NeedsRole } from '../../components/NeedsRole'
import { useTitle } from '../../hooks/useTitle'
import { alarmOn } from '../../lib/alarmCheck'
import { emptyAlarm } from '../../lib/alarmForm'
import { paths } from '../../paths'
import { AlarmWorkbench, takenIn } from './AlarmWorkbench'

export function NewAlarmPage() {
  useTitle('New alarm')
  const wanted = useSearchParams()[0].get('tag') ?? ''
  return (
    <div className="page">
      <nav aria-label="Breadcrumb" className="crumbs">
        <Link to={paths.alarms}>Alarms</Link>
        <span aria-hidden="true">/</span>
        <span aria-current="page">New alarm</span>
      </nav>
      <header className="page-head">
        <div>
          <h1>New alarm</h1>
          <p className="muted">A state that somebody must hear of. Say which tags are watched and what raises it; nothing happens before it is reviewed and saved.</p>
        </div>
      </header>
      <NeedsRole needed="engineer" what="Defining alarms">
        <ForTag key={wanted} wanted={wanted} />
      </NeedsRole>
    </div>
  )
}

function ForTag({ wanted }: { wanted: string }) {
  const at = wanted.indexOf('/')
  const [device, name] = [wanted.slice(0, at), wanted.slice(at + 1)]
  const tag = useQuery({ ...tagQuery(device, name), enabled: at > 0, refetchInterval: false, retry: false })
  const text = useSuspenseQuery(configQuery).data?.text ?? ''
  const type = tag.data?.type ?? ''
  const original = useMemo(() => (wanted === '' ? emptyAlarm : alarmOn({ device, name, type }, emptyAlarm, takenIn(text))), [wanted, device, name, type, text])
  // What kind of values it has settles how the form begins.
  if (at > 0 && tag.isPending) return <p className="muted">Asking the edge…</p>
  return <AlarmWorkbench original={original} draftName={`alarm-new ${wanted}`} fresh />
}
