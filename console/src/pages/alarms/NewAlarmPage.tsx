/** An alarm that is not there yet: empty, or for the tag that the address names. */
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useSearchParams } from 'react-router'

import { tagQuery } from '../../api/queries'
import { NeedsRole } from '../../components/NeedsRole'
import { PageHead } from '../../components/PageHead'
import { useConfigText } from '../../hooks/useConfigText'
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
      <PageHead above={[[paths.alarms, 'Alarms']]} title="New alarm" lead="A state that somebody must hear of. Say which tags are watched and what raises it; nothing happens before it is reviewed and saved." />
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
  const text = useConfigText()
  const type = tag.data?.type ?? ''
  const original = useMemo(() => (wanted === '' ? emptyAlarm : alarmOn({ device, name, type }, emptyAlarm, takenIn(text))), [wanted, device, name, type, text])
  // What kind of values it has settles how the form begins.
  if (at > 0 && tag.isPending) return <p className="muted">Asking the edge…</p>
  return <AlarmWorkbench original={original} draftName={`alarm-new ${wanted}`} fresh />
}
