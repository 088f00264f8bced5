import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';

/** Which part of a list is asked for. */
export interface PageQuery {
  readonly cursor: string | undefined;
  readonly limit: number | undefined;
}

const MOST = 100;

@Injectable()
export class PageQueryPipe implements PipeTransform<unknown, PageQuery> {
  transform(query: unknown): PageQuery {
    const { cursor, limit } = Object(query) as Record<keyof PageQuery, unknown>;
    if (cursor !== undefined && typeof cursor !== 'string') throw new BadRequestException('Send one "cursor".');
    if (limit === undefined) return { cursor, limit };
    if (typeof limit !== 'string' || !/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > MOST)
      throw new BadRequestException(`"limit" must be a whole number from 1 to ${MOST}.`);
    return { cursor, limit: Number(limit) };
  }
}
