/** A device's settings: changed, tried, reviewed; and the way to remove it. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useParams } from 'react-router'

import { componentsQuery } from '../../api/queries'
import type { Spec } from '../../api/types'
import { NeedsRole } from '../../components/NeedsRole'
import { Undescribed } from '../../components/Undescribed'
import { RemoveItem } from '../../forms/RemoveItem'
import { ReviewEdit } from '../../forms/ReviewEdit'
import { SettingsForm } from '../../forms/SettingsForm'
import { useConfigText } from '../../hooks/useConfigText'
import { useTitle } from '../../hooks/useTitle'
import { templatesIn, withDeviceKeys, withoutDevice } from '../../lib/document'
import { isCalculated } from '../../lib/formula'
import { plural } from '../../lib/numbers'
import { cleaned, fieldsOf, problemsOf, type Settings } from '../../lib/settings'
import { parameterFields } from '../../lib/templates'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { TextField } from '../../ui/Field'
import { Notice } from '../../ui/Notice'
import { allOf, exampleOf } from '../commission/CommissionPage'
import { TestConnection } from '../commission/TestConnection'
import { DeviceHead, useDevice } from './DeviceHead'
import { presentDevice, type Present } from './present'

export function EditDevicePage() {
  const name = useParams()['device'] ?? ''
  useTitle(`Settings · ${name}`)
  const driver = useDevice(name).driver
  const spec = useSuspenseQuery(componentsQuery).data.drivers.find((each) => each.name === driver)
  const text = useConfigText()
  const present = useMemo(() => presentDevice(text, name), [text, name])
  return (
    <div className="page commission">
      <DeviceHead name={name} page="Settings" />
      <NeedsRole needed="engineer" what="Changing a device">
        {present === undefined || spec === undefined ? (
          <Undescribed what="device" />
        ) : (
          // Another text is another start.
          <EditForm key={JSON.stringify(present.device)} name={name} present={present} spec={spec} text={text} />
        )}
      </NeedsRole>
    </div>
  )
}

function EditForm({ name, present, spec, text }: { name: string; present: Present; spec: Spec; text: string }) {
  const { device } = present
  const [description, setDescription] = useState(device.description ?? '')
  const [enabled, setEnabled] = useState(device.enabled !== false)
  const [settings, setSettings] = useState<Settings>(device.settings ?? {})
  const [parameters, setParameters] = useState<Settings>(device.parameters ?? {})
  const [tried, setTried] = useState(false)
  const [review, setReview] = useState(false)
  const template = device.template
  const fields = useMemo(() => fieldsOf(spec.settings), [spec])
  const own = useMemo(() => (template === undefined ? [] : parameterFields([], templatesIn(text).find((each) => each['name'] === template))), [template, text])
  const asked = template === undefined ? fields : own
  const values = template === undefined ? settings : parameters
  const problems = problemsOf(asked, values)
  const edited = {
    description: description === '' ? undefined : description,
    enabled: enabled ? undefined : false,
    ...(template === undefined ? { settings: cleaned(settings) } : { parameters: cleaned(parameters) }),
  }
  const changed =
    description !== (device.description ?? '') ||
    enabled !== (device.enabled !== false) ||
    JSON.stringify(cleaned(values)) !== JSON.stringify(cleaned((template === undefined ? device.settings : device.parameters) ?? {}))
  const check = () => {
    setTried(true)
    return problems.size === 0
  }
  return (
    <>
      <section className="step" aria-labelledby="device-settings">
        <h2 id="device-settings">{template === undefined ? 'Settings' : `Parameters of template ${template}`}</h2>
        <div className="panel body-only form">
          <TextField label="Description (optional)" maxLength={1_000} value={description} onChange={(event) => setDescription(event.target.value)} />
          <label className="checkbox">
            <input type="checkbox" checked={enabled} onChange={(event) => setEnabled(event.target.checked)} />
            Read this device. When off, it keeps its place and is not connected to.
          </label>
          {tried && problems.size > 0 && <Notice tone="warn" title={`${plural(problems.size, 'field')} to mend`} />}
          <SettingsForm
            fields={asked}
            example={template === undefined ? exampleOf(spec) : allOf(own)}
            values={values}
            onChange={template === undefined ? setSettings : setParameters}
            problems={tried ? problems : new Map()}
          />
        </div>
        {!isCalculated(spec.name) && (
          <TestConnection spec={spec} request={{ device: { ...present.trial, settings: device.template === undefined ? cleaned(settings) : device.settings, parameters: template === undefined ? undefined : cleaned(parameters) } }} check={check} />
        )}
        <div className="step-foot">
          <Button
            kind="primary"
            onClick={() => {
              if (check()) setReview(true)
            }}
            whyNot={changed ? undefined : 'Nothing is changed yet.'}
          >
            Review and save
          </Button>
        </div>
      </section>
      <RemoveItem what="device" name={name} without={(now) => withoutDevice(now, name)} to={paths.overview}>
        It is no longer read and leaves every list. What was recorded of it is kept as long as the journal keeps it, and an earlier revision brings it back.
      </RemoveItem>
      {review && (
        <ReviewEdit
          edit={(running) => withDeviceKeys(running?.text ?? '', name, edited)}
          comment={`Settings of ${name}`}
          to={paths.device(name)}
          back={paths.overview}
          onClose={() => setReview(false)}
          onSaved={() => {}}
        />
      )}
    </>
  )
}
