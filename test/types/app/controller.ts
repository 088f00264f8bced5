import { Body, Controller, Get, ParseIntPipe, Post, UseGuards } from '@nestjs/common';
import { Identity, Public, Session, SessionGuard, type HttpSession } from 'nestjs-redis-session';
import type { Item } from './augmentations.js';

@Controller()
@UseGuards(SessionGuard)
export class ShopController {
  @Public()
  @Post('login')
  async login(@Body() { name }: { name: string }, @Session() session: HttpSession): Promise<void> {
    await session.login({ id: name, roles: ['user'] }, { keep: ['cart'] });
    await session.login({ id: 7, roles: [], more: true } as const, { keep: true });
    // @ts-expect-error an identity has what the application declares of it
    await session.login({ id: name });
    // @ts-expect-error an id is text or a number
    await session.login({ id: { name }, roles: [] });
  }

  @Get('me')
  me(@Identity() who: Identity, @Identity('id') id: string, @Identity('age', ParseIntPipe) age: number): object {
    const roles: readonly string[] = who.roles;
    // @ts-expect-error it has nothing else
    return { id: who.id, name: who.name, roles, isSame: who.id === id, age };
  }

  @Post('cart')
  add(@Session() session: HttpSession, @Body() item: Item): Item[] {
    session.cart = [...(session.cart ?? []), item];
    delete session.theme;
    session.theme = 'dark';
    // @ts-expect-error not a theme
    session.theme = 'pink';
    // @ts-expect-error an entry that nobody declared
    session.basket = [];
    return session.cart;
  }

  @Get('cart')
  show(@Session('cart') cart: HttpSession['cart'], @Session('cart', ParseIntPipe) _piped: number): Item[] {
    const declared: Item[] | undefined = cart;
    // @ts-expect-error there may be no cart yet
    const certain: Item[] = cart;
    return declared ?? certain;
  }
}
