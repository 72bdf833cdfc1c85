/** What the mock's drivers and sinks say of themselves, in the words of the real ones. */
import type { Components } from '../src/api/types'

export const components: Components = {
  drivers: [
    {
      name: 'modbus-tcp',
      summary: 'Devices that speak Modbus on TCP, directly or behind a gateway.',
      abilities: ['read', 'write'],
      data_types: ['bool', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64', 'text', 'bytes'],
      addresses: [
        { form: 'area:offset', meaning: 'A coil, discrete input, input register or holding register (`coil`, `discrete`, `input`, `holding`, or their first letters), counted from `address_base`.', example: 'holding:100' },
        { form: 'number', meaning: 'Five or six digits, counted from 1, whose first digit names the area: 0 coils, 1 discrete inputs, 3 input registers, 4 holding registers.', example: '40101' },
        { form: '….bit', meaning: 'One bit of a register, 0 (the lowest) to 15, for type `bool`; read only.', example: 'holding:100.3' },
        { form: '…/bytes', meaning: 'The length in bytes, 1 to 250, of types `text` and `bytes`.', example: 'holding:100/20' },
        { form: '…#ABCD', meaning: 'The order of the bytes of 32- and 64-bit values: `ABCD`, `BADC`, `CDAB` or `DCBA`, instead of the device\u2019s `byte_order`.', example: 'holding:100#CDAB' },
      ],
      example: 'host: 192.168.0.10\nunit: 1\nbyte_order: CDAB\n',
      settings: {
        type: 'object',
        required: ['host'],
        properties: {
          address_base: { type: 'integer', minimum: 0, maximum: 1, default: 0, description: 'Number of the first register in addresses such as `holding:0`: 0, as the protocol counts, or 1.' },
          byte_order: {
            oneOf: [
              { const: 'ABCD', type: 'string', description: 'Big-endian, as Modbus has it within a register: 0x12345678 is 1234 5678.' },
              { const: 'BADC', type: 'string', description: 'Bytes exchanged in each register: 3412 7856.' },
              { const: 'CDAB', type: 'string', description: 'Registers reversed, the lowest first: 5678 1234.' },
              { const: 'DCBA', type: 'string', description: 'Little-endian throughout: 7856 3412.' },
            ],
            default: 'ABCD',
            description: 'Order of the bytes of 32- and 64-bit values whose address names none.',
          },
          connect_timeout: { type: 'string', format: 'duration', default: '3s', description: 'How long to wait for the connection, from `10ms` to `60s`.' },
          gap: { type: 'integer', minimum: 0, maximum: 124, default: 8, description: 'Registers that are read though no tag needs them, if that saves a request.' },
          host: { type: 'string', description: 'Name or address of the device or gateway.' },
          port: { type: 'integer', minimum: 1, maximum: 65535, default: 502, description: 'TCP port.' },
          read_back: { type: 'boolean', default: false, description: 'After a write, read again, and let the write fail if the device kept something else.' },
          retries: { type: 'integer', minimum: 0, maximum: 5, default: 1, description: 'How often a read that got no answer is asked again at once. Writes are never repeated.' },
          timeout: { type: 'string', format: 'duration', default: '1s', description: 'How long to wait for each answer, from `10ms` to `60s`.' },
          unit: { type: 'integer', minimum: 0, maximum: 255, default: 1, description: 'Unit (slave) that tags belong to whose address names none.' },
        },
      },
    },
    {
      name: 'opcua',
      summary: 'OPC UA servers: subscribed where the server allows it, polled where it does not.',
      abilities: ['read', 'write', 'subscribe', 'browse'],
      data_types: ['bool', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64', 'text', 'bytes'],
      addresses: [
        { form: 'nsu=URI;s=NAME', meaning: 'A node by the URI of its namespace and its name.', example: 'nsu=urn:press:line;s=PressLine.State' },
        { form: 'ns=INDEX;i=NUMBER', meaning: 'A node by the number of its namespace, which may change when the server restarts.', example: 'ns=2;i=1001' },
      ],
      example: 'endpoint: opc.tcp://192.168.0.20:4840\nidentity: user\nuser: tagwerk\npassword: { secret: press }\n',
      settings: {
        type: 'object',
        required: ['endpoint'],
        properties: {
          endpoint: { type: 'string', description: 'Where the server is, such as `opc.tcp://192.168.0.10:4840`. Without a port it is 4840.' },
          history: { type: 'boolean', default: true, description: 'After an outage, read what was missed from the history of tags that the server keeps one of.' },
          identity: {
            oneOf: [
              { const: 'anonymous', type: 'string', description: 'Not at all.' },
              { const: 'user', type: 'string', description: 'By name and password.' },
              { const: 'certificate', type: 'string', description: 'By the edge\u2019s own certificate, as a user of the server.' },
            ],
            default: 'anonymous',
            description: 'How the edge says who it is.',
          },
          keep_alive: { type: ['string', 'null'], format: 'duration', description: 'A server that is silent for so long is asked whether it is there.' },
          password: { anyOf: [{ $ref: '#/$defs/Secret' }, { type: 'null' }], description: 'Password of the user, with `identity: user`.' },
          queue: { type: 'integer', minimum: 1, maximum: 10_000, default: 10, description: 'Changes of one tag that the server keeps until it sends them.' },
          security: {
            oneOf: [
              { enum: ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'], type: 'string' },
              { const: 'auto', type: 'string', description: 'The best that the server offers.' },
              { const: 'None', type: 'string', description: 'None: everybody on the network can read and change everything.' },
            ],
            default: 'auto',
            description: 'How the connection is secured. `auto` takes the best that the server offers, and never `None`.',
          },
          trust: { $ref: '#/$defs/Trust', description: 'What is held against the server\u2019s certificate.', default: { check_host: true, check_application: true } },
          user: { type: ['string', 'null'], description: 'Name of the user, with `identity: user`.' },
        },
        $defs: {
          Secret: { type: 'object', required: ['secret'], properties: { secret: { type: 'string' } } },
          Trust: {
            type: 'object',
            properties: {
              check_application: { type: 'boolean', default: true, description: 'The certificate must name the application that the server says it is.' },
              check_host: { type: 'boolean', default: true, description: 'The certificate must name the host in `endpoint`.' },
            },
          },
        },
      },
    },
    {
      name: 'calculated',
      summary: 'A device without a machine, for tags that are computed of other devices\u2019 tags by formulas.',
      abilities: [],
      data_types: ['bool', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64', 'text', 'bytes'],
      addresses: [],
      example: '',
      settings: { type: 'object', properties: {} },
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
        { form: 'counter', meaning: 'reads answered since the link opened', example: 'counter' },
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
          password: { anyOf: [{ $ref: '#/$defs/Secret' }, { type: 'null' }], description: 'Password of the user.' },
        },
        $defs: { Secret: { type: 'object', required: ['secret'], properties: { secret: { type: 'string' } } } },
      },
    },
  ],
  channels: [
    {
      name: 'email',
      summary: 'Sends mails by way of a mail server (SMTP).',
      abilities: [],
      data_types: [],
      addresses: [],
      example: 'server: mail.plant.example\nfrom: tagwerk@plant.example\nto: [shift@plant.example]\n',
      settings: {
        type: 'object',
        required: ['server', 'from', 'to'],
        properties: {
          server: { type: 'string', description: 'Host name or IP address of the mail server.' },
          from: { type: 'string', description: 'Address that mails are from.' },
          to: { type: 'array', items: { type: 'string' }, description: 'Addresses that mails go to.' },
          username: { type: ['string', 'null'], description: 'User name at the mail server, where it wants one.' },
          password: { anyOf: [{ $ref: '#/$defs/Secret' }, { type: 'null' }], description: 'Password of `username`.' },
          port: { type: ['integer', 'null'], minimum: 1, maximum: 65535, description: 'Port of the mail server. Default: 587 with `starttls`, 465 with `tls`, 25 with `none`.' },
          security: {
            oneOf: [
              { const: 'starttls', type: 'string', description: 'Encrypted from the first command on.' },
              { const: 'tls', type: 'string', description: 'Encrypted from the start.' },
              { const: 'none', type: 'string', description: 'Not at all: everybody on the network can read the mails.' },
            ],
            default: 'starttls',
            description: 'How the connection is encrypted. With `starttls` and `tls` nothing is sent without.',
          },
        },
        $defs: { Secret: { type: 'object', required: ['secret'], properties: { secret: { type: 'string', description: 'Name of a secret that the edge holds.' } } } },
      },
    },
    {
      name: 'webhook',
      summary: 'Sends an HTTP request, such as to a chat or to a service that calls people.',
      abilities: [],
      data_types: [],
      addresses: [],
      example: 'url: { secret: chat-address }\nbody:\n  text: "{subject}\\n{message}"\n',
      settings: {
        type: 'object',
        required: ['url'],
        properties: {
          url: { anyOf: [{ type: 'string' }, { $ref: '#/$defs/Secret' }], description: 'Where to send: `https://host/path`, or a secret of the edge that holds it, as the address of a chat often is one.' },
          method: { enum: ['POST', 'PUT', 'PATCH'], type: 'string', default: 'POST', description: 'Method of the request.' },
          headers: { type: 'object', default: {}, description: 'Headers of the request. A value is text, or a secret of the edge: `{secret: NAME}`.' },
          body: { description: 'What is sent: keys and values of a JSON text, or plain text, with placeholders such as `{subject}` and `{message}`. Default: all that is known, as JSON.' },
          timeout: { type: 'string', format: 'duration', default: '20s', description: 'Time for the server to take the request and answer it.' },
        },
        $defs: { Secret: { type: 'object', required: ['secret'], properties: { secret: { type: 'string', description: 'Name of a secret that the edge holds.' } } } },
      },
    },
  ],
}
