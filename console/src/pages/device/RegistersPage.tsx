/** The registers of a Modbus device under every type and order; what is picked becomes tags. */
import { useMemo } from 'react'
import { useNavigate, useParams } from 'react-router'

import { NeedsRole } from '../../components/NeedsRole'
import { RegisterViewer } from '../../components/RegisterViewer'
import { Undescribed } from '../../components/Undescribed'
import { useConfigText } from '../../hooks/useConfigText'
import { useTitle } from '../../hooks/useTitle'
import { withPicks } from '../../lib/commission'
import { plural } from '../../lib/numbers'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { usePlan } from '../commission/usePlan'
import { DeviceHead } from './DeviceHead'
import { firstPlan, presentDevice } from './present'

export function RegistersPage() {
  const name = useParams()['device'] ?? ''
  useTitle(`Registers · ${name}`)
  const navigate = useNavigate()
  const text = useConfigText()
  const present = useMemo(() => presentDevice(text, name), [text, name])
  const [plan, setPlan] = usePlan(name, () => firstPlan(present))
  const picked = useMemo(() => new Set(plan.picks.map((pick) => `${pick.address} ${pick.type}`)), [plan.picks])
  return (
    <div className="page">
      <DeviceHead name={name} page="Registers" />
      <NeedsRole needed="engineer" what="Reading registers">
        {present === undefined ? (
          <Undescribed what="device" then="look for it there" />
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
      </NeedsRole>
    </div>
  )
}
