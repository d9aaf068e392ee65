import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { EventStreamReader, followStream, type StreamEvent } from './event-stream.js';

describe('EventStreamReader', () => {
  it.each<[string, string, StreamEvent[]]>([
    ['an event', 'id: 7\nevent: alert.raised\ndata: {}\n\n', [{ id: '7', type: 'alert.raised', data: '{}' }]],
    ['lines of data', 'data: a\ndata: b\n\n', [{ id: '', type: 'message', data: 'a\nb' }]],
    ['comments and the wish for a pause', 'retry: 2000\n\n: alive\n\n', []],
    [
      'CRLF',
      'data: a\r\n\r\ndata: b\r\n\r\n',
      [
        { id: '', type: 'message', data: 'a' },
        { id: '', type: 'message', data: 'b' },
      ],
    ],
    ['no space after the colon', 'data:a\n\n', [{ id: '', type: 'message', data: 'a' }]],
    ['data of no characters', 'data\n\n', [{ id: '', type: 'message', data: '' }]],
    [
      'an id that stays',
      'id: 1\ndata: a\n\ndata: b\n\n',
      [
        { id: '1', type: 'message', data: 'a' },
        { id: '1', type: 'message', data: 'b' },
      ],
    ],
    ['an event that has not ended', 'data: a\n', []],
  ])('reads %s, whole and letter by letter', (_name, text, events) => {
    expect(new EventStreamReader().take(text)).toEqual(events);
    const reader = new EventStreamReader();
    expect([...text].flatMap((letter) => reader.take(letter))).toEqual(events);
  });

  it('gives up on an event without an end', () => {
    const reader = new EventStreamReader();
    expect(() => reader.take('x'.repeat(1_000_001))).toThrow('broken');
  });
});

describe('followStream', () => {
  let server: Server;
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const serve = async (answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
    server = createServer(answer);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  it('comes back after the last event it saw, also from a connection that has gone silent', async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      asked.push(request.headers['last-event-id'] as string | undefined);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`id: ${asked.length}\ndata: event ${asked.length}\n\n`);
      if (asked.length === 1) response.end();
    });
    const ending = new AbortController();
    const seen: string[] = [];
    await followStream({
      url,
      token: () => 'css_x',
      signal: ending.signal,
      pauseMs: 5,
      silenceMs: 100,
      onEvent: ({ data }) => {
        seen.push(data);
        if (seen.length === 3) ending.abort();
      },
    });
    expect(seen).toEqual(['event 1', 'event 2', 'event 3']);
    expect(asked).toEqual([undefined, '1', '2']);
  });

  it('goes on while the platform restarts', async () => {
    let asked = 0;
    const url = await serve((_request, response) => {
      if (++asked < 3)
        response.writeHead(503, { 'content-type': 'application/problem+json' }).end('{"code":"not_ready"}');
      else response.writeHead(200).write('data: a\n\n');
    });
    const ending = new AbortController();
    const states: string[] = [];
    await followStream({
      url,
      token: () => 'css_x',
      signal: ending.signal,
      pauseMs: 5,
      onState: (state) => states.push(state),
      onEvent: () => ending.abort(),
    });
    expect(states).toEqual(['connecting', 'waiting', 'connecting', 'waiting', 'connecting', 'open']);
  });

  it('ends where its token no longer holds', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(401, { 'content-type': 'application/problem+json' }).end('{"code":"unauthenticated"}');
    });
    const problems: string[] = [];
    await followStream({
      url,
      token: () => 'css_x',
      signal: new AbortController().signal,
      onEvent: () => {},
      onEnd: (problem) => problems.push(problem.code),
    });
    expect(problems).toEqual(['unauthenticated']);
  });
});
