export * from 'nestjs-redis-session';
export { sessionMiddleware, sessionOf } from 'nestjs-redis-session/express';
