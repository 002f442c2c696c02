"""How English words sound, roughly: letters to phones by rule.

Good enough to tell that "rose dials" sounds like "roast house" and "on" not like "off": a recogniser's mistakes
keep the sound and lose the spelling. One character a phone:

    consonants  p b t d k g f v T(th) s z S(sh) Z(measure) C(ch) J(j) m n N(ng) l r w j(y) h
    vowels      i(ee) I(it) e(ay) E(bed) a(cat) A(hot) O(law) o(go) U(book) u(too) V(cup) @(about) 3(her)
                Y(eye) W(out) Q(boy)

Rules after the idea of Elovitz et al., "Letter-to-sound rules for automatic translation of English text to
phonetics" (1976): the first rule of a letter that fits what stands around it wins. Words that no rule would get
right and that commands are full of stand in a list. Letters of other scripts stand for themselves.
"""

from __future__ import annotations

import re
from functools import lru_cache

VOWELS = "iIeEaAOoUuV@3YWQ"
CONSONANTS = "pbtdkgfvTszSZCJmnNlrwjh"

_LISTED = """
a=@ an=@n the=T@ i=Y to=tu too=tu two=tu do=du who=hu one=wVn once=wVns of=Vv off=Of was=wAz what=wVt are=Ar
you=ju your=jOr have=hav has=haz had=had his=hIz is=Iz as=az give=gIv live=lIv love=lVv come=kVm some=sVm none=nVn
done=dVn gone=gOn said=sEd says=sEz any=Eni many=mEni again=@gEn been=bIn were=w3 there=TEr where=wEr their=TEr
they=Te been=bIn could=kUd would=wUd should=SUd good=gUd book=bUk look=lUk took=tUk cook=kUk put=pUt push=pUS
pull=pUl full=fUl woman=wUm@n women=wIm@n people=pip@l eye=Y eyes=Yz eight=et eighth=etT eighty=eti eighteen=etin
four=fOr forty=fOrti fourteen=fOrtin half=haf hour=W3 our=W3 heart=hArt hear=hIr here=hIr heard=h3d word=w3d
work=w3k world=w3ld worse=w3s bread=brEd head=hEd dead=dEd read=rid ready=rEdi heavy=hEvi weather=wET3 health=hElT
great=gret break=brek steak=stek bear=bEr wear=wEr pear=pEr laugh=laf enough=InVf rough=rVf tough=tVf cough=kOf
though=To through=Tru thought=TOt bought=bOt brought=brOt caught=kOt daughter=dOt3 know=no now=nW how=hW down=dWn
brown=brWn town=tWn cow=kW allow=@lW power=pW3 tower=tW3 flower=flW3 shower=SW3 blood=blVd flood=flVd money=mVni
month=mVnT monday=mVnde other=VT3 mother=mVT3 brother=brVT3 another=@nVT3 nothing=nVTIN son=sVn won=wVn
front=frVnt cover=kVv3 oven=Vv@n color=kVl3 does=dVz shoe=Su move=muv prove=pruv lose=luz whose=huz
most=most both=boT only=onli over=ov3 post=post host=host ghost=gost cold=kold old=old
sugar=SUg3 sure=SUr minute=mInIt minutes=mInIts busy=bIzi business=bIznIs build=bIld guitar=gItAr
friend=frEnd very=vEri every=Evri ever=Ev3 never=nEv3 seven=sEv@n even=iv@n eleven=IlEv@n evening=ivnIN
water=wOt3 want=wAnt watch=wAC wash=wAS wall=wOl small=smOl also=Olso always=Olwez walk=wOk talk=tOk chalk=COk
answer=ans3 listen=lIs@n island=Yl@nd sign=sYn color=kVl3 school=skul stomach=stVm@k echo=Eko mocha=mok@
cappuccino=kapuCino espresso=EsprEso latte=lAte macchiato=mAkiAto americano=@mErIkAno pizza=pits@ garage=g@rAZ
coffee=kOfi music=mjuzIk volume=vAljum use=juz used=juzd usual=juZu@l measure=mEZ3 television=tEl@vIZ@n
calculate=kalkjulet area=Eri@ idea=Ydi@ radio=redio video=vIdio audio=Odio camera=kam@r@ temperature=tEmpr@C3
kitchen=kIC@n chicken=CIk@n open=op@n living=lIvIN timer=tYm3 alarm=@lArm light=lYt tonight=t@nYt today=t@de
tomorrow=t@mAro yesterday=jEst3de about=@bWt above=@bVv away=@we ago=@go around=@rWnd along=@lON ounce=Wns
medium=midi@m image=ImIJ message=mEsIJ village=vIlIJ cabbage=kabIJ language=laNgwIJ orange=OrInJ
turn=t3n set=sEt iced=Yst ice=Ys be=bi he=hi she=Si we=wi me=mi so=so go=go no=no hello=hElo my=mY by=bY
type=tYp science=sY@ns quiet=kwY@t diet=dY@t lion=lY@n iron=Y3n machine=m@Sin police=p@lis
ocean=oS@n special=spES@l social=soS@l decision=dIsIZ@n beautiful=bjutIf@l view=vju few=fju new=nu
percent=p3sEnt degrees=dIgriz celsius=sElsi@s second=sEk@nd seconds=sEk@nds hundred=hVndrId thousand=TWz@nd
please=pliz because=bIkOz wednesday=wEnzde february=fEbruEri aisle=Yl cpu=sipiju gpu=Jipiju usb=juEsbi ip=Ypi ok=oke
"""
_WORDS = dict(pair.split("=") for pair in _LISTED.split())

_CONSONANT = "[bcdfghjklmnpqrstvwxz]"
_MAGIC = f"(?={_CONSONANT}(?:e(?:$|s$|d$|ly$|r$)|ing$))"
_RULES_TEXT = r"""
augh->O au->O aw->O air->Er ai->e ay->e are(?=$|s$)->Er arr(?=[aeiouy])->ar ar->Ar all(?=$|s$|e|i)->Ol
al(?=[kd])->Ol a(?=lm)->A (?<=[wq])a(?=[nst])->A (?<=qu)a->A age$->IJ able(?=$|s$)->@b@l a(?=ste$)->e a(?=nge)->e
a~->e a(?=tion|ble$)->e a(?=$|s$|h$)->@ a(?=l$)->@ ^a(?=[bglr][^aeiou]?[aeiou])->@ a->a
(?<=m)b$-> bb->b b(?=t$)-> b->b
cch->k ch(?=[lr])->k ch->C ck->k ci(?=[ao])->S cc(?=[ei])->ks cc->k c(?=[eiy])->s c->k
dge->J dg->J dd->d d->d
eau->o eigh->e ee(?=r)->I ee->i ear(?=[nlt])->3 ear->Ir ea(?=d$|lt|nt)->E ea->i eu->u ew->u ei->i ey->i ere$->Ir
err(?=[aeiouy])->Er er(?=[iy])->Er er->3 (?<=[td])ed$->Id (?<=[pkfsxc])ed$->t (?<=sh)ed$->t (?<=ch)ed$->t
(?<=[a-z])ed$->d (?<=[sxzgc])es$->Iz (?<=[sc]h)es$->Iz (?<=#)es$->z (?<=[a-z])e$-> (?<=l)e(?=d$|s$)->
(?<=[aeiou][bcdfgklmnprstvz])e(?=ly$|ful|ment|less)-> e~->i e(?=n$|l$|nt$)->@ ^e(?=[lqx])->I e->E
ff->f f->f
^gh->g (?<=[aeiou])gh-> gh->g gg->g gn(?=$|s$|ed$)->n ^gn->n gu(?=[eiy])->g ^g(?=et|iv|ir)->g ge$->J g(?=[eiy])->J
g->g
(?<=[aeiou])h(?=$|[bcdfgjklmnpqrstvwxz])-> h->h
igh->Y ie(?=ld|ve|f|ce)->i ie(?=$|s$|d$)->i ir(?=[aeiou])->Yr ir->3 i(?=nd$|ld$|nds$|lds$)->Y ique$->ik i(?=on)->i
^i(?=[aeo])->Y ia->i@ io->io i(?=gn$)->Y ine$->in i~->Y ive$->Iv (?<=^.)i$->Y i$->i i->I
j->J
^kn->n kk->k k->k
le(?=$|s$)->@l ll->l (?<=[ao])l(?=[kf])-> l->l
mm->m mn$->m m->m
ng(?=$|s$|ed$|ing$)->N ng(?=[lr])->Ng nk->Nk nx->Nks nn->n n->n
ough(?=t)->O ough->o oul->U our->Or ous$->@s ou->W oor->Or ook->Uk oo->u ow(?=[ndl])->W ow(?=er)->W
(?<=^[hnvbc])ow$->W ow->o oi->Q oy->Q oar->Or oa->o oe->o (?<=w)or->3 (?<=[a-z]{2})or$->3 or->Or
o(?=ld|st$|ll$|lt)->o o~->o o(?=$|s$)->o o(?=th)->V (?<=[a-z]{2})on$->@n (?<=[a-z]{2})om$->@m o(?=[cgtsdp][aiou])->o
o->A
ph->f ^ps->s ^pn->n pp->p p->p
que$->k qu->kw q->k
rh->r rr->r r->r
sch->sk sh->S ssion->S@n (?<=[aeiou])sion->Z@n sion->S@n sure$->Z3 ss->s sc(?=[ei])->s (?<=[aeiouy])s(?=[aeiouy])->z
(?<=[bdglmnrvwy])s$->z (?<=[ie])s$->z (?<=[aeo])se$->z s->s
tion->S@n tch->C ture(?=$|s$|d$)->C3 th->T ti(?=[ao])->S tt->t (?<=s)t(?=en$|le$)-> t->t
uy->Y ure$->jUr ur->3 ue(?=$|s$|d$)->u ui->u u~->u u(?=$|s$)->u ^u(?=[snt]i)->ju u(?=[bcdfgjklmnpqrstvwxz][aiou])->u
u->V
v->v
wh(?=o)->h wh->w wr->r w(?=$|[bcdfgjklmnpqrstvwxz])-> w->w
^x->z x->ks
^y->j (?<=^#)y$->Y (?<=^##)y$->Y y$->i y~->Y (?<=[aeiou])y(?=[aeiou])->j y(?=[aeiou])->i y->I
zz->z z->z
"""
"""pattern->phones, the first that fits wins; # is a consonant, ~ a consonant and a silent e ahead (make, making)."""


def _rules() -> dict[str, list[tuple[re.Pattern[str], str]]]:
    rules: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for rule in _RULES_TEXT.split():
        pattern, _, sounds = rule.partition("->")
        letter = re.sub(r"\(\?<?[=!][^)]*\)|\^", "", pattern)[0]
        expanded = pattern.replace("~", _MAGIC).replace("#", _CONSONANT)
        rules.setdefault(letter, []).append((re.compile(expanded), sounds))
    return rules


_RULES = _rules()
_LETTER_NAMES_TEXT = """
a=e b=bi c=si d=di e=i f=Ef g=Ji h=eC i=Y j=Je k=ke l=El m=Em n=En o=o p=pi q=kju r=Ar s=Es t=ti u=ju v=vi
w=dVb@lju x=Eks y=wY z=zi
"""
_LETTER_NAMES = dict(pair.split("=") for pair in _LETTER_NAMES_TEXT.split())


@lru_cache(maxsize=16_384)
def phones(word: str) -> str:
    """The phones of one normal word."""
    if word in _WORDS:
        return _WORDS[word]
    sounds: list[str] = []
    at = 0
    while at < len(word):
        for pattern, sound in _RULES.get(word[at], ()):
            match = pattern.match(word, at)
            if match and match.end() > at:
                sounds.append(sound)
                at = match.end()
                break
        else:
            sounds.append(word[at] if word[at].isalpha() else "")
            at += 1
    found = "".join(sounds)
    if word.isascii() and not any(c in VOWELS for c in found):
        return "".join(_LETTER_NAMES.get(c, "") for c in word) or word  # an abbreviation is spelled
    return found
