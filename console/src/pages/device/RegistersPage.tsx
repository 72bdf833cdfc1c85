/** The registers of a Modbus device under every type and order; what is picked becomes tags. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useNavigate, useParams } from 'react-router'

import { configQuery } from '../../api/queries'
import { RegisterViewer } from '../../components/RegisterViewer'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { withPicks } from '../../lib/commission'
import { plural } from '../../lib/numbers'
import { whyNot } from '../../lib/roles'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { usePlan } from '../commission/usePlan'
import { DeviceHead } from './DeviceHead'
import { firstPlan, presentDevice } from './present'

export function RegistersPage() {
  const name = useParams()['device'] ?? ''
  useTitle(`Registers · ${name}`)
  const me = useMe()
  const navigate = useNavigate()
  const text = useSuspenseQuery(configQuery).data?.text ?? ''
  const present = useMemo(() => presentDevice(text, name), [text, name])
  const [plan, setPlan] = usePlan(name, () => firstPlan(present))
  const picked = useMemo(() => new Set(plan.picks.map((pick) => `${pick.address} ${pick.type}`)), [plan.picks])
  const cannot = whyNot(me.role, 'engineer', 'Reading registers')
  return (
    <div className="page">
      <DeviceHead name={name} page="Registers" />
      {cannot !== undefined || present === undefined ? (
        <Notice tone="info" title={cannot ?? 'The configuration does not describe this device in a way the console can read'}>
          {cannot === undefined && <span>Open the configuration as text and look for it there.</span>}
        </Notice>
      ) : (
        <section className="panel" aria-labelledby="registers">
          <header>
            <h2 id="registers">Registers</h2>
            <span role="status">
              {plan.picks.length > 0 && (
                <Button kind="primary" icon="plus" onClick={() => void navigate(paths.addTags(name))}>
                  Add {plural(plan.picks.length, 'picked tag')}
                </Button>
              )}
            </span>
          </header>
          <div className="body">
            <RegisterViewer
              request={{ device: { ...present.trial, groups: [] } }}
              byteOrder={String(present.device.settings?.['byte_order'] ?? 'ABCD')}
              picked={picked}
              onPick={(pick) => setPlan((before) => withPicks(before, [pick], [[pick.name]], present.names))}
            />
          </div>
        </section>
      )}
    </div>
  )
}
