/** What the mock's drivers and sinks say of themselves, in the words of the real ones. */
import type { Components } from '../src/api/types'

export const components: Components = {
  drivers: [
    {
      name: 'modbus-tcp',
      summary: 'Modbus TCP devices, and serial ones behind a gateway.',
      abilities: ['read', 'write'],
      data_types: ['bool', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64', 'text'],
      addresses: [
        { form: 'coil:OFFSET', meaning: 'one bit that can be written, counted from 0', example: 'coil:12' },
        { form: 'discrete:OFFSET', meaning: 'one bit that can only be read', example: 'discrete:3' },
        { form: 'input:OFFSET[#ORDER]', meaning: 'registers that can only be read; ORDER is abcd, cdab, badc or dcba', example: 'input:100#cdab' },
        { form: 'holding:OFFSET[.BIT][#ORDER]', meaning: 'registers that can be written; .BIT picks one bit of a register', example: 'holding:40.3' },
      ],
      example: 'host: 192.168.1.20\nport: 502\nunit: 1\ntimeout: 1s\n',
      settings: {
        type: 'object',
        required: ['host'],
        properties: {
          host: { type: 'string', description: 'Name or address of the device or gateway.' },
          port: { type: 'integer', minimum: 1, maximum: 65535, default: 502, description: 'TCP port.' },
          unit: { type: 'integer', minimum: 0, maximum: 255, default: 1, description: 'Number of the device behind the port.' },
          timeout: { type: 'string', format: 'duration', default: '1s', description: 'How long the edge waits for an answer.' },
          word_order: { anyOf: [{ $ref: '#/$defs/Order' }, { type: 'null' }], description: 'Order of bytes where an address says nothing.' },
          registers_max: { type: 'integer', minimum: 1, maximum: 125, default: 125, description: 'Most registers the device gives in one answer.' },
        },
        $defs: { Order: { type: 'string', enum: ['abcd', 'cdab', 'badc', 'dcba'] } },
      },
    },
    {
      name: 'sim',
      summary: 'Simulated devices for trying things out: waves, ramps, counters, set points and faults on demand.',
      abilities: ['read', 'write'],
      data_types: ['bool', 'int64', 'uint64', 'float64', 'text'],
      addresses: [
        { form: 'sine:PERIOD', meaning: 'a wave between -1 and 1 that repeats after PERIOD', example: 'sine:30s' },
        { form: 'ramp:FROM..TO', meaning: 'rises from FROM to TO in a minute, then starts again', example: 'ramp:0..100' },
        { form: 'setpoint:NAME', meaning: 'what was last written to it; zero or empty at first', example: 'setpoint:speed' },
      ],
      example: 'latency: 5ms\n',
      settings: {
        type: 'object',
        properties: {
          latency: { type: 'string', format: 'duration', default: '0ms', description: 'How long each answer takes.' },
          unreachable: { type: 'boolean', default: false, description: 'Refuse every connection.' },
        },
      },
    },
  ],
  sinks: [
    {
      name: 'mqtt',
      summary: 'Publishes to an MQTT 5 or 3.1.1 broker.',
      abilities: [],
      data_types: [],
      addresses: [],
      example: 'url: mqtts://broker.example.com:8883\ntopic: plant/{device}/{tag}\n',
      settings: {
        type: 'object',
        required: ['url'],
        properties: {
          url: { type: 'string', description: 'mqtt:// or mqtts://, host and port.' },
          topic: { type: 'string', default: '{device}/{tag}', description: 'Topic with placeholders.' },
          qos: { type: 'integer', enum: [0, 1, 2], default: 1, description: 'Quality of service.' },
        },
      },
    },
  ],
}
